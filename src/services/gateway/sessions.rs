//! Which sub-devices are online, and which requests wait for a reply (`gateway.md` §4). Pure state.

use super::messages::Operation;
use crate::client::identity::Identity;
use crate::error::Error;
use crate::log::{Level, log};
use crate::memory;

/// How far a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// Asked for by the application, not answered.
    Asked,
    /// Was online before the connection was lost; asked for again, not answered.
    Renewed,
    /// Online.
    Online,
}

/// What the platform replied.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// 0, or the platform's code.
    Code(i32),
    /// What is bound.
    List(Vec<Identity>),
    /// There is no memory for what is bound.
    NoMemory,
}

/// A request under way.
#[derive(Debug)]
struct Request {
    operation: Operation,
    /// Whom the reply has to name.
    sub_device: Option<Identity>,
    reply: Option<Reply>,
}

/// Sessions and requests of a gateway.
#[derive(Debug, Default)]
pub struct Sessions {
    sessions: Vec<(Identity, Status)>,
    requests: Vec<Request>,
}

impl Sessions {
    /// Starts a session that the platform is to be asked for; `GatewaySubdevOnline` if the sub-device is online.
    pub fn begin(&mut self, sub_device: &Identity) -> Result<(), Error> {
        match self.status(sub_device) {
            Some(Status::Online) => Err(Error::GatewaySubdevOnline),
            Some(status) => {
                *status = Status::Asked;
                Ok(())
            }
            None => memory::push(&mut self.sessions, (*sub_device, Status::Asked)),
        }
    }

    /// Ends a session that has not come about.
    pub fn give_up(&mut self, sub_device: &Identity) {
        self.sessions.retain(|(known, status)| known != sub_device || *status == Status::Online);
    }

    /// Whether there is a session.
    pub fn contains(&self, sub_device: &Identity) -> bool {
        self.sessions.iter().any(|(known, _)| known == sub_device)
    }

    /// Ends the sessions of these sub-devices.
    pub fn remove(&mut self, sub_devices: &[Identity]) {
        self.sessions.retain(|(known, _)| !sub_devices.contains(known));
    }

    /// Ends all sessions.
    pub fn clear(&mut self) {
        self.sessions.clear();
    }

    /// A new connection: the sub-devices that were online, to be asked for again.
    pub fn renew(&mut self) -> Result<Vec<Identity>, Error> {
        let mut renewed = Vec::new();
        for (sub_device, status) in &mut self.sessions {
            if *status != Status::Asked {
                *status = Status::Renewed;
                memory::push(&mut renewed, *sub_device)?;
            }
        }
        Ok(renewed)
    }

    /// Registers a request; `false` if one of its kind is under way.
    pub fn ask(&mut self, operation: Operation, sub_device: Option<&Identity>) -> bool {
        let is_free = !self.is_asking(operation);
        if is_free {
            self.requests.push(Request { operation, sub_device: sub_device.copied(), reply: None });
        }
        is_free
    }

    /// Whether a request of this kind is under way.
    pub fn is_asking(&self, operation: Operation) -> bool {
        self.requests.iter().any(|request| request.operation == operation)
    }

    /// Ends the request of this kind, answered or not.
    pub fn end(&mut self, operation: Operation) {
        self.requests.retain(|request| request.operation != operation);
    }

    /// Whether the request of this kind has its reply.
    pub fn is_answered(&self, operation: Operation) -> bool {
        self.requests.iter().any(|request| request.operation == operation && request.reply.is_some())
    }

    /// Takes the reply to the request of this kind.
    pub fn take_reply(&mut self, operation: Operation) -> Option<Reply> {
        self.request(operation)?.reply.take()
    }

    /// A reply about one sub-device: changes its session, and answers the request that asked for exactly this.
    pub fn take_result(&mut self, operation: Operation, sub_device: &Identity, result: i32) {
        match (operation, result) {
            (Operation::Online, 0) => {
                // Nobody waits for a session that was given up.
                if let Some(status) = self.status(sub_device) {
                    *status = Status::Online;
                }
            }
            (Operation::Online, _) => {
                if self.status(sub_device).is_some_and(|status| *status == Status::Renewed) {
                    log!(
                        Level::Warn,
                        "gateway_common.c",
                        "_gateway_message_handler",
                        "{}/{} did not come back online: {result}",
                        sub_device.product_id(),
                        sub_device.device_name()
                    );
                }
                self.remove(std::slice::from_ref(sub_device));
            }
            (Operation::Offline | Operation::Unbind, 0) => self.remove(std::slice::from_ref(sub_device)),
            _ => {}
        }
        let request =
            self.request(operation).filter(|request| request.sub_device.as_ref() == Some(sub_device));
        if let Some(request) = request {
            request.reply.get_or_insert(Reply::Code(result));
        }
    }

    /// The reply to [`Operation::List`]; `None`: there is no memory for it.
    pub fn take_list(&mut self, sub_devices: Option<Vec<Identity>>) {
        if let Some(request) = self.request(Operation::List) {
            request.reply.get_or_insert(sub_devices.map_or(Reply::NoMemory, Reply::List));
        }
    }

    fn status(&mut self, sub_device: &Identity) -> Option<&mut Status> {
        self.sessions.iter_mut().find(|(known, _)| known == sub_device).map(|(_, status)| status)
    }

    fn request(&mut self, operation: Operation) -> Option<&mut Request> {
        self.requests.iter_mut().find(|request| request.operation == operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(name: &str) -> Identity {
        Identity::new(Some(b"Z9Y8X7W6V5"), Some(name.as_bytes())).unwrap()
    }

    fn online(names: &[&str]) -> Sessions {
        let mut sessions = Sessions::default();
        for name in names {
            assert_eq!(sessions.begin(&device(name)), Ok(()));
            sessions.take_result(Operation::Online, &device(name), 0);
        }
        sessions
    }

    #[test]
    fn a_session_is_online_when_the_platform_says_so() {
        let (mut sessions, a) = (Sessions::default(), device("a"));
        assert!(sessions.begin(&a).is_ok() && sessions.contains(&a));
        sessions.take_result(Operation::Online, &a, 0);
        assert_eq!(sessions.begin(&a), Err(Error::GatewaySubdevOnline));
        sessions.give_up(&a);
        assert!(sessions.contains(&a), "the reply was faster than the caller");
        sessions.take_result(Operation::Offline, &a, -1);
        assert!(sessions.contains(&a), "refused");
        sessions.take_result(Operation::Offline, &a, 0);
        assert!(!sessions.contains(&a));
        assert_eq!(sessions.begin(&a), Ok(()));
        sessions.give_up(&a);
        sessions.take_result(Operation::Online, &a, 0);
        assert!(!sessions.contains(&a), "a reply that comes too late");
        assert_eq!(sessions.begin(&a), Ok(()));
        sessions.take_result(Operation::Online, &a, 806);
        assert!(!sessions.contains(&a), "refused");
    }

    #[test]
    fn sessions_end_with_their_binding() {
        let mut sessions = online(&["a", "b", "c", "d"]);
        sessions.take_result(Operation::Unbind, &device("a"), 0);
        sessions.take_result(Operation::Unbind, &device("b"), -1);
        sessions.remove(&[device("c"), device("x")]);
        let left = |sessions: &Sessions| ["a", "b", "c", "d"].map(|name| sessions.contains(&device(name)));
        assert_eq!(left(&sessions), [false, true, false, true]);
        sessions.clear();
        assert_eq!(left(&sessions), [false; 4]);
    }

    #[test]
    fn a_new_connection_asks_again_for_what_was_online() {
        let mut sessions = online(&["a", "b"]);
        assert_eq!(sessions.begin(&device("asked")), Ok(()));
        assert_eq!(sessions.renew(), Ok(vec![device("a"), device("b")]));
        assert_eq!(sessions.renew(), Ok(vec![device("a"), device("b")]), "the connection was lost once more");
        assert_eq!(sessions.begin(&device("a")), Ok(()), "not online until the platform says so");
        sessions.take_result(Operation::Online, &device("a"), 0);
        sessions.take_result(Operation::Online, &device("b"), -1);
        assert_eq!(sessions.renew(), Ok(vec![device("a")]), "what was refused is gone");
    }

    #[test]
    fn one_request_of_each_kind_is_under_way() {
        let mut sessions = Sessions::default();
        assert!(sessions.ask(Operation::Online, Some(&device("a"))));
        assert!(!sessions.ask(Operation::Online, Some(&device("b"))));
        assert!(sessions.ask(Operation::Offline, Some(&device("a"))));
        assert!(sessions.ask(Operation::List, None));
        sessions.end(Operation::Online);
        assert!(!sessions.is_asking(Operation::Online) && sessions.is_asking(Operation::Offline));
        assert!(sessions.ask(Operation::Online, Some(&device("b"))));
    }

    #[test]
    fn a_reply_belongs_to_the_request_with_its_kind_and_its_exact_names() {
        let mut sessions = Sessions::default();
        assert!(sessions.ask(Operation::Bind, Some(&device("probe-7"))));
        for other in ["probe-71", "probe-", "Probe-7"] {
            sessions.take_result(Operation::Bind, &device(other), 0);
        }
        sessions.take_result(Operation::Unbind, &device("probe-7"), 0);
        // The same text, cut elsewhere.
        let shifted = Identity::new(Some(b"Z9Y8X7W6V"), Some(b"5probe-7")).unwrap();
        sessions.take_result(Operation::Bind, &shifted, 0);
        sessions.take_list(Some(Vec::new()));
        assert!(!sessions.is_answered(Operation::Bind));
        sessions.take_result(Operation::Bind, &device("probe-7"), 809);
        sessions.take_result(Operation::Bind, &device("probe-7"), 0);
        assert!(sessions.is_answered(Operation::Bind));
        assert_eq!(sessions.take_reply(Operation::Bind), Some(Reply::Code(809)), "the first one counts");
        assert_eq!(sessions.take_reply(Operation::Bind), None);
    }

    #[test]
    fn a_list_answers_the_request_for_it() {
        let mut sessions = Sessions::default();
        sessions.take_list(Some(vec![device("nobody asked")]));
        assert!(sessions.ask(Operation::List, None));
        assert!(!sessions.is_answered(Operation::List));
        sessions.take_list(Some(vec![device("a"), device("b")]));
        assert_eq!(sessions.take_reply(Operation::List), Some(Reply::List(vec![device("a"), device("b")])));
        sessions.take_list(None);
        assert_eq!(sessions.take_reply(Operation::List), Some(Reply::NoMemory));
    }
}
