# cmake --install: headers, archives, pkg-config file, CMake package, licences. All of it may be moved afterwards.

# Headers such as config.h would be in the way in /usr/local/include.
if(CMAKE_INSTALL_PREFIX_INITIALIZED_TO_DEFAULT)
    set_property(CACHE CMAKE_INSTALL_PREFIX PROPERTY VALUE "/opt/qcloud_iot")
endif()
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(PACKAGE_DIR "${CMAKE_BINARY_DIR}/package")
set(DOC_DIR "${CMAKE_INSTALL_DATADIR}/doc/qcloud_iot")
set(CMAKE_DIR "${CMAKE_INSTALL_LIBDIR}/cmake/qcloud_iot")
set(PKGCONFIG_DIR "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
foreach(directory LIBDIR INCLUDEDIR DATADIR)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${directory}}")
        stop("CMAKE_INSTALL_${directory} is '${CMAKE_INSTALL_${directory}}': expected a directory below the prefix")
    endif()
endforeach()

# Versions: of this SDK, and of the interface.
file(STRINGS "${CMAKE_SOURCE_DIR}/Cargo.toml" SDK_VERSION REGEX "^version = ")
string(REGEX REPLACE "^version = \"(.*)\"$" "\\1" SDK_VERSION "${SDK_VERSION}")
file(STRINGS "${CMAKE_SOURCE_DIR}/include/qcloud_iot_export.h" INTERFACE_VERSION REGEX "QCLOUD_IOT_DEVICE_SDK_VERSION")
string(REGEX REPLACE ".*\"(.*)\"$" "\\1" INTERFACE_VERSION "${INTERFACE_VERSION}")

# The macros of config.h that are on.
set(ACTIVE_MACROS)
foreach(macro ${CONFIG_MACROS})
    if(${macro})
        list(APPEND ACTIVE_MACROS ${macro})
    endif()
endforeach()

# Names on the link line, in the order of the original's.
set(LINK_NAMES)
foreach(archive ${SDK_ARCHIVES} ${EMPTY_ARCHIVES})
    get_filename_component(name "${archive}" NAME_WE)
    string(REGEX REPLACE "^lib" "" name "${name}")
    list(APPEND LINK_NAMES ${name})
endforeach()
string(REPLACE ";" " -l" LINK_LINE "-l${LINK_NAMES}")
string(REPLACE ";" " " ACTIVE_MACROS_LINE "${ACTIVE_MACROS}")

file(RELATIVE_PATH PREFIX_FROM_PC "/${PKGCONFIG_DIR}" "/")
string(REGEX REPLACE "/$" "" PREFIX_FROM_PC "${PREFIX_FROM_PC}")
configure_file(cmake/qcloud_iot.pc.in "${PACKAGE_DIR}/qcloud_iot.pc" @ONLY)
configure_package_config_file(cmake/qcloud_iotConfig.cmake.in "${PACKAGE_DIR}/qcloud_iotConfig.cmake"
    INSTALL_DESTINATION "${CMAKE_DIR}" PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file("${PACKAGE_DIR}/qcloud_iotConfigVersion.cmake"
    VERSION "${SDK_VERSION}" COMPATIBILITY SameMajorVersion)

string(REPLACE ";" "," macros "${ACTIVE_MACROS}")
add_custom_target(third_party ALL
    COMMAND ${PYTHON_PATH} "${CMAKE_SOURCE_DIR}/scripts/third_party.py" --source "${CMAKE_SOURCE_DIR}"
            --lib-dir "${LIB_DIR}" --target ${RUST_TARGET} "--sdk-features=${SDK_FEATURES}"
            "--platform-features=${PLATFORM_FEATURES}" --version "${SDK_VERSION}" "--config-macros=${macros}"
            --licences "${PACKAGE_DIR}/THIRD-PARTY-LICENSES.txt" --sbom "${PACKAGE_DIR}/qcloud_iot.cdx.json"
    BYPRODUCTS "${PACKAGE_DIR}/THIRD-PARTY-LICENSES.txt" "${PACKAGE_DIR}/qcloud_iot.cdx.json"
    COMMENT "licences and bill of materials" VERBATIM)
add_dependencies(third_party libraries)

install(DIRECTORY "${OUTPUT_TREE}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT sdk FILES_MATCHING PATTERN "*.h")
install(FILES ${SDK_ARCHIVES} ${EMPTY_ARCHIVES} DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT sdk)
install(FILES "${PACKAGE_DIR}/qcloud_iot.pc" DESTINATION "${PKGCONFIG_DIR}" COMPONENT sdk)
install(FILES "${PACKAGE_DIR}/qcloud_iotConfig.cmake" "${PACKAGE_DIR}/qcloud_iotConfigVersion.cmake"
        DESTINATION "${CMAKE_DIR}" COMPONENT sdk)
# The example, and never the copy beside the samples, in which a user may have written secrets.
install(FILES device_info.json DESTINATION "${CMAKE_INSTALL_DATADIR}/qcloud_iot" COMPONENT sdk)
install(FILES README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE "${PACKAGE_DIR}/THIRD-PARTY-LICENSES.txt"
        "${PACKAGE_DIR}/qcloud_iot.cdx.json" DESTINATION "${DOC_DIR}" COMPONENT sdk)
install(DIRECTORY docs DESTINATION "${DOC_DIR}" COMPONENT sdk FILES_MATCHING PATTERN "*.md")

# Samples only on demand: cmake --install build --component samples
if(SAMPLE_PROGRAMS)
    install(TARGETS ${SAMPLE_PROGRAMS} DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT samples EXCLUDE_FROM_ALL)
endif()
install(DIRECTORY c_samples DESTINATION "${CMAKE_INSTALL_DATADIR}/qcloud_iot" COMPONENT samples EXCLUDE_FROM_ALL
        PATTERN CMakeLists.txt EXCLUDE)
