//! How many streams of changes one person may have open on a node.

use std::collections::HashMap;

use kernel::AgentId;

use crate::Hub;

/// A browser needs one however many tabs it has, a program one; a mistake that opens them in a
/// loop ends here, long before the node has no room for others.
pub const STREAMS_MAX: usize = 32;

/// An open stream. It counts until it is dropped.
pub struct Stream {
    hub: Hub,
    agent: AgentId,
}

#[derive(Debug, Default)]
pub(crate) struct Streams(HashMap<AgentId, usize>);

impl Streams {
    pub(crate) fn open(&mut self, agent: AgentId) -> bool {
        let open = self.0.entry(agent).or_default();
        let has_room = *open < STREAMS_MAX;
        if has_room {
            *open += 1;
        }
        has_room
    }

    fn close(&mut self, agent: AgentId) {
        if let Some(open) = self.0.get_mut(&agent) {
            *open -= 1;
            if *open == 0 {
                self.0.remove(&agent);
            }
        }
    }
}

impl Stream {
    pub(crate) fn new(hub: Hub, agent: AgentId) -> Self {
        Self { hub, agent }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.hub.state().streams.close(self.agent);
    }
}
