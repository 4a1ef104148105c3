//! The services of the C interface as safe types, and the callbacks of an application.

use iot_sdk::ffi::types::gateway::{GatewayInitParam, GatewayParam, SubdevBindList};
use iot_sdk::ffi::types::mqtt::{MQTTEventHandler, MQTTInitParams};
use iot_sdk::ffi::types::remote_config::ConfigSubscirbeUserData;
use iot_sdk::ffi::types::shadow::{DeviceProperty, ShadowInitParams};
use iot_sdk::ffi::{broadcast, gateway, mqtt, remote_config, rrpc, shadow, system};
use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::ptr::null_mut;

/// What callbacks were told since it was last asked for.
#[derive(Default)]
pub struct Told {
    pub texts: Vec<Vec<u8>>,
    pub ends: Vec<c_int>,
    pub deltas: usize,
}

thread_local! {
    static TOLD: RefCell<Told> = RefCell::default();
}

/// What callbacks were told, which is forgotten then.
pub fn told() -> Told {
    TOLD.take()
}

/// Deltas since then.
pub fn deltas() -> usize {
    TOLD.with_borrow(|told| told.deltas)
}

/// The texts of a client's identity, which C keeps.
fn text(text: &'static CStr) -> *mut c_char {
    text.as_ptr().cast_mut()
}

fn mqtt_params() -> MQTTInitParams {
    MQTTInitParams {
        region: text(c"mqtt://127.0.0.1"),
        product_id: text(c"A1B2C3D4E5"),
        device_name: text(c"lamp-01"),
        device_secret: text(c"c2VjcmV0"),
        command_timeout: 2000,
        keep_alive_interval_ms: 240_000,
        clean_session: 1,
        auto_connect_enable: 1,
        event_handle: MQTTEventHandler { h_fp: None, context: null_mut() },
        err_code: 0,
    }
}

/// A message that is really terminated.
unsafe extern "C" fn on_text(client: *mut c_void, text: *const c_char, len: u32) {
    // SAFETY: `len` bytes and a NUL, as the header promises.
    let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), len as usize + 1) };
    assert_eq!(bytes.last(), Some(&0));
    TOLD.with_borrow_mut(|told| told.texts.push(bytes[..len as usize].to_vec()));
    // A reply inside the callback; without a call, as for a broadcast, it is refused.
    // SAFETY: a live client and a terminated text.
    let code = unsafe { rrpc::IOT_RRPC_Reply(client, c"{\"ok\":1}".as_ptr().cast_mut(), 0, null_mut()) };
    TOLD.with_borrow_mut(|told| told.ends.push(code));
}

unsafe extern "C" fn on_config(_client: *mut c_void, _code: c_int, json: *mut c_char, len: c_int) {
    // SAFETY: the buffer holds a terminated text.
    let text = unsafe { CStr::from_ptr(json) }.to_bytes();
    assert!(text.len() == len as usize || text.len() < len as usize && !text.contains(&0));
    TOLD.with_borrow_mut(|told| told.texts.push(text.to_vec()));
}

unsafe extern "C" fn on_delta(
    _shadow: *mut c_void,
    json: *const c_char,
    len: u32,
    _property: *mut DeviceProperty,
) {
    // SAFETY: a terminated text.
    assert_eq!(unsafe { CStr::from_ptr(json) }.count_bytes(), len as usize);
    TOLD.with_borrow_mut(|told| told.deltas += 1);
}

unsafe extern "C" fn on_end(_: *mut c_void, _method: u32, ack: c_int, json: *const c_char, _: *mut c_void) {
    assert!((-2..=0).contains(&ack) && !json.is_null());
    TOLD.with_borrow_mut(|told| told.ends.push(ack));
}

/// A variable of the application in a block of its own, behind which the address sanitizer watches.
pub struct Variable {
    pub data: Box<[u8]>,
    property: Box<DeviceProperty>,
}

impl Variable {
    pub fn new(key: &'static CStr, kind: u32, size: usize) -> Variable {
        let mut data = vec![0; size].into_boxed_slice();
        let property = DeviceProperty {
            key: text(key),
            data: data.as_mut_ptr().cast(),
            r#type: kind,
            delta_arrived: false,
        };
        Variable { data, property: Box::new(property) }
    }
}

/// A shadow client with its properties registered.
pub struct Shadow {
    client: *mut c_void,
    pub variables: Vec<Variable>,
}

impl Shadow {
    /// `flavour` 0 is a device shadow, 1 a data template.
    pub fn open(flavour: u32, mut variables: Vec<Variable>) -> Shadow {
        let MQTTInitParams { region, product_id, device_name, device_secret, .. } = mqtt_params();
        let mut params = ShadowInitParams {
            region,
            product_id,
            device_name,
            device_secret,
            command_timeout: 2000,
            keep_alive_interval_ms: 240_000,
            clean_session: 1,
            auto_connect_enable: 1,
            event_handle: MQTTEventHandler { h_fp: None, context: null_mut() },
            shadow_type: flavour,
        };
        // SAFETY: valid parameters; the properties live as long as the client.
        let client = unsafe {
            let client = shadow::IOT_Shadow_Construct(&mut params);
            assert!(!client.is_null());
            for variable in &mut variables {
                let property = &mut *variable.property;
                assert_eq!(shadow::IOT_Shadow_Register_Property(client, property, Some(on_delta)), 0);
            }
            client
        };
        Shadow { client, variables }
    }

    /// Asks for the document; the end of the request is told.
    pub fn get(&self, timeout_ms: u32) -> c_int {
        // SAFETY: a live client.
        unsafe { shadow::IOT_Shadow_Get(self.client, Some(on_end), null_mut(), timeout_ms) }
    }

    pub fn run(&self, ms: u32) -> c_int {
        // SAFETY: a live client.
        unsafe { shadow::IOT_Shadow_Yield(self.client, ms) }
    }

    pub fn is_connected(&self) -> bool {
        // SAFETY: a live client.
        unsafe { shadow::IOT_Shadow_IsConnected(self.client) }
    }

    pub fn close(self) -> c_int {
        // SAFETY: the last use of the client, before the variables go.
        unsafe { shadow::IOT_Shadow_Destroy(self.client) }
    }
}

/// A gateway with callbacks for broadcasts and calls.
pub struct Gateway {
    client: *mut c_void,
    gateway: *mut c_void,
}

impl Gateway {
    pub fn open() -> Gateway {
        let mut params =
            GatewayInitParam { init_param: mqtt_params(), event_context: null_mut(), event_handler: None };
        // SAFETY: valid parameters, callbacks that live as long as the program.
        unsafe {
            let gateway = gateway::IOT_Gateway_Construct(&mut params);
            assert!(!gateway.is_null());
            let client = gateway::IOT_Gateway_Get_Mqtt_Client(gateway);
            assert_eq!(broadcast::IOT_Broadcast_Subscribe(client, Some(on_text)), 0);
            assert_eq!(rrpc::IOT_RRPC_Init(client, Some(on_text)), 0);
            Gateway { client, gateway }
        }
    }

    pub fn run(&self, ms: u32) -> c_int {
        // SAFETY: a live gateway.
        unsafe { gateway::IOT_Gateway_Yield(self.gateway, ms) }
    }

    /// Subscribes the configuration with a buffer of this size for the time that `work` takes, which gets the function
    /// that asks for the configuration.
    pub fn with_configuration(&self, room: usize, topic: &CStr, work: impl FnOnce(&dyn Fn() -> c_int)) {
        let mut buffer = vec![0; room].into_boxed_slice();
        let mut user = ConfigSubscirbeUserData {
            on_config_proc: Some(on_config),
            json_buffer_len: room as c_int,
            json_buffer: buffer.as_mut_ptr(),
        };
        // SAFETY: a live client; the buffer and what names it outlive the subscription, which ends below.
        assert!(unsafe { remote_config::IOT_Subscribe_Config(self.client, &mut user, 1000) } >= 0);
        work(&|| {
            let mut request = [0; 15];
            // SAFETY: a live client and a buffer of this size.
            unsafe { remote_config::IOT_Get_Config(self.client, request.as_mut_ptr(), 15, 100) }
        });
        // SAFETY: a live client and a terminated text.
        unsafe { mqtt::IOT_MQTT_Unsubscribe(self.client, topic.as_ptr().cast_mut()) };
    }

    /// The result of `IOT_Get_SysTime` and its variable, -1 before.
    pub fn time(&self) -> (c_int, c_long) {
        let mut seconds = -1;
        // SAFETY: a live client and a variable.
        let code = unsafe { system::IOT_Get_SysTime(self.client, &mut seconds) };
        (code, seconds)
    }

    pub fn set_online(&self, is_online: bool) -> c_int {
        let mut params = sub_device();
        // SAFETY: a live gateway and valid parameters.
        unsafe {
            if is_online {
                gateway::IOT_Gateway_Subdev_Online(self.gateway, &mut params)
            } else {
                gateway::IOT_Gateway_Subdev_Offline(self.gateway, &mut params)
            }
        }
    }

    /// Asks for the list of sub-devices, which has as many members as it says, and releases it.
    pub fn list(&self) {
        let mut params = sub_device();
        let mut list = SubdevBindList { bindlist_head: null_mut(), bind_num: 0 };
        // SAFETY: a live gateway and valid parameters; the list is released once.
        unsafe {
            let code = gateway::IOT_Gateway_Subdev_GetBindList(self.gateway, &mut params, &mut list);
            let mut count = 0;
            let mut node = list.bindlist_head;
            while let Some(known) = node.as_ref() {
                assert!(known.product_id.contains(&0) && known.device_name.contains(&0));
                count += 1;
                node = known.next;
            }
            assert!(count == list.bind_num && (code == 0 || count == 0));
            gateway::IOT_Gateway_Subdev_DestoryBindList(&mut list);
            assert!(list.bindlist_head.is_null() && list.bind_num == 0);
        }
    }

    pub fn close(self) -> c_int {
        // SAFETY: the last use of the gateway.
        unsafe { gateway::IOT_Gateway_Destroy(self.gateway) }
    }
}

fn sub_device() -> GatewayParam {
    GatewayParam {
        product_id: text(c"A1B2C3D4E5"),
        device_name: text(c"lamp-01"),
        subdev_product_id: text(c"SUBPRODUCT"),
        subdev_device_name: text(c"probe"),
    }
}
