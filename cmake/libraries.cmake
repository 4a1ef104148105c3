# The archives: two Rust packages, packed, and empty ones that old link lines still name.

set(LIB_DIR "${OUTPUT_TREE}/lib")
set(SDK_ARCHIVES "${LIB_DIR}/libiot_sdk.a" "${LIB_DIR}/libiot_platform.a")
set(EMPTY_ARCHIVES)
if(NOT AUTH_WITH_NOTLS)
    list(APPEND EMPTY_ARCHIVES "${LIB_DIR}/libmbedtls.a" "${LIB_DIR}/libmbedx509.a" "${LIB_DIR}/libmbedcrypto.a")
endif()
if(WEBSOCKET_CLIENT)
    list(APPEND EMPTY_ARCHIVES "${LIB_DIR}/libwslay.a")
endif()

if(SAMPLE_ONLY)
    add_custom_target(libraries)
    return()
endif()

# Cargo features have the names of the macros, in lower case.
function(cargo_features result)
    set(features)
    foreach(macro ${ARGN})
        if(${macro})
            string(TOLOWER "${macro}" feature)
            list(APPEND features ${feature})
        endif()
    endforeach()
    string(REPLACE ";" "," features "${features}")
    set(${result} "${features}" PARENT_SCOPE)
endfunction()

cargo_features(SDK_FEATURES AUTH_MODE_CERT AUTH_WITH_NOTLS BROADCAST_ENABLED DEBUG_DEV_INFO_USED GATEWAY_ENABLED IOT_DEBUG
               MQTT_DEVICE_SHADOW MULTITHREAD_ENABLED REMOTE_CONFIG_MQTT RRPC_ENABLED SYSTEM_COMM WEBSOCKET_MQTT)
cargo_features(PLATFORM_FEATURES AUTH_MODE_CERT AUTH_WITH_NOTLS DEBUG_DEV_INFO_USED GATEWAY_ENABLED MULTITHREAD_ENABLED)

if(DEFINED ENV{CARGO_TARGET_DIR})
    set(CARGO_TARGET_DIR "$ENV{CARGO_TARGET_DIR}")
else()
    set(CARGO_TARGET_DIR "${CMAKE_SOURCE_DIR}/target")
endif()

# For the C parts of the archives: flags of a toolchain file, or -DCMAKE_C_FLAGS.
set(C_PART_FLAGS "${CMAKE_C_FLAGS}")
if(CMAKE_SYSROOT)
    string(APPEND C_PART_FLAGS " --sysroot=${CMAKE_SYSROOT}")
endif()
string(STRIP "${C_PART_FLAGS}" C_PART_FLAGS)

set(build_archive ${PYTHON_PATH} "${CMAKE_SOURCE_DIR}/scripts/build_archive.py"
    --source "${CMAKE_SOURCE_DIR}" --target-dir "${CARGO_TARGET_DIR}" --config "${CONFIG_H}"
    --cc "${CMAKE_C_COMPILER}" "--cflags=${C_PART_FLAGS}" "--tool-prefix=${TOOL_PREFIX}")
if(NOT RUST_TARGET STREQUAL RUST_HOST)
    list(APPEND build_archive --target ${RUST_TARGET})
endif()
foreach(name MQTT_COMM_ENABLED MQTT_DEVICE_SHADOW)
    if(${name})
        list(APPEND build_archive --define ${name})
    endif()
endforeach()
if(BUILD_TYPE STREQUAL "debug")
    list(APPEND build_archive --debug-info)
endif()
if(FEATURE_MINSIZE)
    list(APPEND build_archive --minsize)
    if(FEATURE_MINSIZE_STD)
        list(APPEND build_archive --own-std)
    endif()
    set(sdk_profile minsize)
    set(platform_profile minsize)
else()
    set(sdk_profile release)
    set(platform_profile platform)
endif()
if(FEATURE_TLS_RSA_FALLBACK)
    set(rsa_fallback on)
else()
    set(rsa_fallback off)
endif()

# Cargo decides what is up to date, and an archive that comes out equal keeps its time stamp.
add_custom_target(sdk_archive
    COMMAND ${build_archive} --archive sdk --profile ${sdk_profile} "--features=${SDK_FEATURES}"
            --env IOT_TLS_VERIFY=${FEATURE_TLS_VERIFY} --env IOT_TLS_RSA_FALLBACK=${rsa_fallback}
            --out "${LIB_DIR}/libiot_sdk.a"
    BYPRODUCTS "${LIB_DIR}/libiot_sdk.a" COMMENT "libiot_sdk.a" USES_TERMINAL VERBATIM)
add_custom_target(platform_archive
    COMMAND ${build_archive} --archive platform --profile ${platform_profile} "--features=${PLATFORM_FEATURES}"
            --env IOT_TLS_VERIFY=${FEATURE_TLS_VERIFY} --env IOT_TLS_RSA_FALLBACK=${rsa_fallback}
            --out "${LIB_DIR}/libiot_platform.a"
    BYPRODUCTS "${LIB_DIR}/libiot_platform.a" COMMENT "libiot_platform.a" USES_TERMINAL VERBATIM)

file(REMOVE "${LIB_DIR}/libmbedtls.a" "${LIB_DIR}/libmbedx509.a" "${LIB_DIR}/libmbedcrypto.a" "${LIB_DIR}/libwslay.a")
foreach(archive ${EMPTY_ARCHIVES})
    add_custom_command(OUTPUT "${archive}" VERBATIM
        COMMAND ${CMAKE_COMMAND} -E make_directory "${LIB_DIR}"
        COMMAND ${TOOL_PREFIX}ar crD "${archive}")
endforeach()
add_custom_target(libraries ALL DEPENDS ${EMPTY_ARCHIVES})
add_dependencies(libraries sdk_archive platform_archive)
