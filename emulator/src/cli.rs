//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Local IoT Hub: the platform side for developing and testing devices at a desk.
#[derive(Debug, Parser)]
#[command(name = "iot-hub-emulator", version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the hub.
    Serve(Serve),
    /// Give a running hub a command; prints its answer, exit status 1 if it refused.
    Ctl(Ctl),
    /// Print the certificate of the server's authority (PEM), the CA file of devices under test.
    Ca(Where),
    /// Remove what the hub keeps in its state directory.
    Reset(Reset),
    /// Be the other side of hal_conformance, the program that checks a port of the SDK on its target.
    ConformancePeer(ConformancePeer),
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Registry file, TOML or JSON by extension.
    #[arg(long, short)]
    pub config: PathBuf,
    /// Another port for a listener: NAME=PORT, NAME=0 (any free port) or NAME=off. Repeatable.
    #[arg(long = "port", value_name = "NAME=PORT")]
    pub ports: Vec<String>,
    /// Another state directory than the registry file's.
    #[arg(long)]
    pub state_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Where {
    /// Registry file that names the state directory.
    #[arg(long, short, required_unless_present = "state_dir")]
    pub config: Option<PathBuf>,
    /// The state directory itself.
    #[arg(long)]
    pub state_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Reset {
    #[command(flatten)]
    pub place: Where,
    /// Keep the authorities and the server's certificate.
    #[arg(long)]
    pub keep_ca: bool,
}

#[derive(Debug, Args)]
pub struct ConformancePeer {
    /// Address to listen on; 0.0.0.0 for a board on the network.
    #[arg(long, default_value = "127.0.0.1")]
    pub bind: IpAddr,
    /// Port of the plain side; the program asks there for the others. 0: any free port.
    #[arg(long, default_value_t = 7007)]
    pub port: u16,
    /// Another name or address in the server's certificate: what the program connects to. Repeatable.
    #[arg(long = "name", value_name = "NAME")]
    pub names: Vec<String>,
    /// Where the authorities and the device's certificate are kept.
    #[arg(long, default_value = "conformance-state")]
    pub state_dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct Ctl {
    /// Address of the admin listener.
    #[arg(long, default_value = "http://127.0.0.1:8088")]
    pub admin: String,
    #[command(subcommand)]
    pub command: CtlCommand,
}

#[derive(Debug, Subcommand)]
pub enum CtlCommand {
    /// Version, listeners, newest event.
    Status,
    /// All devices and their state.
    Devices,
    /// One device.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Send a message from the platform to whoever subscribed.
    Publish {
        topic: String,
        /// The payload, or @FILE.
        payload: String,
        #[arg(long, default_value_t = 0)]
        qos: u8,
    },
    /// Print events, one JSON object per line.
    Events(EventsArgs),
    /// Faults on demand.
    #[command(subcommand)]
    Fault(FaultCommand),
    /// Device shadows.
    #[command(subcommand)]
    Shadow(ShadowCommand),
    /// Send a message to every device of a product that is online and has subscribed.
    Broadcast {
        product: String,
        /// The payload, or @FILE.
        payload: String,
        #[arg(long, default_value_t = 0)]
        qos: u8,
    },
    /// Call a device and wait for its reply.
    Rrpc {
        device: String,
        /// The payload, or @FILE.
        payload: String,
        /// Seconds to wait; without it what the hub's options say.
        #[arg(long)]
        timeout: Option<f64>,
    },
    /// Remote configuration of a product.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Gateways and their sub-devices.
    #[command(subcommand)]
    Gw(GatewayCommand),
    /// The hub's time of day.
    #[command(subcommand)]
    Clock(ClockCommand),
    /// Stop the hub.
    Stop,
}

#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// Show a device: PRODUCT/NAME.
    Show {
        device: String,
    },
    Enable {
        device: String,
    },
    /// Close its connection and refuse later ones.
    Disable {
        device: String,
    },
    /// Close its connection.
    Kick {
        device: String,
    },
    /// Break its connection off, without a WebSocket close frame.
    Drop {
        device: String,
    },
    /// Add a device; a key device without a secret gets a random one, which is printed.
    Add {
        device: String,
        #[arg(long)]
        secret: Option<String>,
        /// Issue certificate and key.
        #[arg(long)]
        issue: bool,
        /// Registered certificate (PEM file).
        #[arg(long)]
        cert: Option<PathBuf>,
    },
    Delete {
        device: String,
    },
}

#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Go on with new events as they happen.
    #[arg(long)]
    pub follow: bool,
    /// Only events after this number.
    #[arg(long, default_value_t = 0)]
    pub since: u64,
    /// Wait so long for an event that matches.
    #[arg(long)]
    pub wait_ms: Option<u64>,
    /// Event types or packet names, comma-separated.
    #[arg(long = "type")]
    pub kind: Option<String>,
    /// PRODUCT/NAME.
    #[arg(long)]
    pub device: Option<String>,
}

#[derive(Debug, Subcommand)]
pub enum FaultCommand {
    /// Set a fault, e.g. `fault set action=delay packet=suback ms=120 device=A1B2C3D4E5/lamp-01`.
    Set {
        #[arg(required = true, value_name = "KEY=VALUE")]
        members: Vec<String>,
    },
    /// Clear one fault, or all.
    Clear {
        id: Option<u64>,
    },
    List,
}

#[derive(Debug, Subcommand)]
pub enum ShadowCommand {
    /// Show the document of PRODUCT/NAME.
    Get { device: String },
    /// Set what is desired of the device, and tell it.
    SetDesired {
        device: String,
        /// A JSON object, or @FILE.
        desired: String,
        /// Member by member (null deletes), instead of in place of what was desired.
        #[arg(long)]
        merge: bool,
        /// Only if the document has this version.
        #[arg(long, default_value_t = 0)]
        version: u32,
    },
    /// Desire nothing.
    ClearDesired {
        device: String,
        #[arg(long, default_value_t = 0)]
        version: u32,
    },
    /// Forget the document.
    Delete { device: String },
}

#[derive(Debug, Subcommand)]
pub enum GatewayCommand {
    /// Sub-devices of a gateway, and what it acknowledged. Devices are PRODUCT/NAME everywhere.
    List { gateway: String },
    /// Bind sub-devices and tell the gateway.
    Bind {
        gateway: String,
        #[arg(required = true)]
        devices: Vec<String>,
    },
    /// Unbind sub-devices and tell the gateway.
    Unbind {
        gateway: String,
        #[arg(required = true)]
        devices: Vec<String>,
    },
    /// Ask the gateway to begin or to end its search for sub-devices.
    Search { gateway: String, what: Search },
    /// Unbind all sub-devices and tell the gateway.
    UnbindAll { gateway: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Search {
    Start,
    Stop,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    Show {
        product: String,
    },
    /// Set the content; devices hear of it when they ask or at a push.
    Set {
        product: String,
        /// A JSON object, or @FILE.
        content: String,
    },
    /// Send it to all devices that are online and have subscribed, or to one.
    Push {
        product: String,
        name: Option<String>,
    },
    Enable {
        product: String,
    },
    Disable {
        product: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum ClockCommand {
    Show,
    /// Set the time: seconds since 1970, or "now" for the machine's.
    Set {
        #[arg(allow_negative_numbers = true)]
        time: String,
    },
    /// Virtual seconds per real second.
    Scale {
        #[arg(allow_negative_numbers = true)]
        factor: f64,
    },
}
