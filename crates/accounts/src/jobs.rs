//! What happens later to accounts.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use kernel::AgentId;
use queue::{Context, Job, Retry};
use serde::{Deserialize, Serialize};

/// Gives the open work of somebody who left back to the team.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct HandOverWork {
    pub agent: AgentId,
}

/// Lent by the feature that knows what open work is.
pub trait HandOver: Send + Sync {
    fn hand_over(
        &self,
        agent: AgentId,
    ) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send + '_>>;
}

impl Job for HandOverWork {
    const NAME: &'static str = "accounts.hand_over_work";
    type Services = Arc<dyn HandOver>;

    async fn run(&self, cx: &Context<Self::Services>) -> Result<(), Retry> {
        Ok(cx.services.hand_over(self.agent).await?)
    }
}
