use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hongyan_sandbox::SandboxConfig;

use super::{ConfigFile, output};
use crate::config::{Config, Log};
use crate::failure::Failure;
use crate::wiring::{Gateway, StopSignal, listen, reachable};
use crate::{demo, logging};

/// `hongyan serve`.
pub(super) fn serve(file: &ConfigFile) -> Result<(), Failure> {
    let config = file.load()?;
    logging::start(&config.log)?;
    run(async move {
        let stop = StopSignal::listen()?;
        let gateway = Gateway::open(&config).await?;
        // One line: programs wait for it.
        let setup = gateway
            .setup_link()
            .await?
            .map(|link| format!("; set up the console at {link}"))
            .unwrap_or_default();
        output::text(&format!(
            "hongyan {} is ready at {} (listening on {}){setup}",
            env!("CARGO_PKG_VERSION"),
            gateway.public_url,
            gateway.listener.local_addr()?
        ))?;
        gateway.run(stop.heard()).await
    })
}

/// `hongyan sandbox`.
pub(super) fn sandbox(address: SocketAddr, data_dir: Option<PathBuf>) -> Result<(), Failure> {
    logging::start(&Log::default())?;
    run(async move {
        let stop = StopSignal::listen()?;
        let listener = listen(address).await?;
        let url = format!("http://{}", reachable(listener.local_addr()?));
        let config = SandboxConfig {
            data_dir,
            public_url: Some(url.clone()),
            ..SandboxConfig::default()
        };
        let sandbox = hongyan_sandbox::Sandbox::open(config)?;
        output::text(&format!(
            "hongyan sandbox {} is ready at {url}",
            env!("CARGO_PKG_VERSION")
        ))?;
        Ok(sandbox.serve(listener, stop.heard()).await?)
    })
}

/// `hongyan demo`.
pub(super) fn demo(
    data_dir: &Path,
    address: SocketAddr,
    sandbox_address: SocketAddr,
) -> Result<(), Failure> {
    logging::start(&Log {
        level: "warn".to_owned(),
        ..Config::default().log
    })?;
    run(demo::run(data_dir.to_path_buf(), address, sandbox_address))
}

fn run(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
