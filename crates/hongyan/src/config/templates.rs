use std::time::Duration;

use hongyan_engine::TemplateSettings;
use serde::Deserialize;

/// `[templates]`: how templates are kept in step with WeChat's.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Templates {
    /// After how many hours WeChat is asked for the list again; 0 = only when somebody
    /// asks for it.
    pub(crate) sync_hours: u32,
}

impl Default for Templates {
    fn default() -> Self {
        Self { sync_hours: 6 }
    }
}

impl Templates {
    pub(crate) fn settings(&self) -> TemplateSettings {
        let hours = u64::from(self.sync_hours);
        TemplateSettings {
            sync_every: (hours > 0).then(|| Duration::from_secs(hours * 60 * 60)),
        }
    }
}
