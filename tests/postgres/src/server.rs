//! A server of our own: made, started, stopped in every way, and ended with us.

use std::fmt::Write as _;
use std::io::Read as _;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::admin::{Admin, Database};
use crate::programs::{self, Owner};
use crate::{GUARDED, PASSWORD};

/// Names a running server for [`Server::shared`].
const NAMED: &str = "HONGYAN_TEST_POSTGRES";

/// How long a server may take to begin or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the server until its own input is closed, which happens when the process
/// that started it ends, then ends it and removes what it left.
const KEEPER: &str = r#"
"$1" -D "$2" -c config_file="$2/postgresql.conf" >>"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -QUIT "$server" 2>/dev/null
wait "$server" 2>/dev/null
[ -z "$3" ] || rm -rf "$3"
"#;

/// How a server is to be.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Whether it is to survive the loss of power; slower.
    pub durable: bool,
    /// Whether it speaks TLS, with a certificate of its own making for
    /// `localhost`; see [`Server::certificate`].
    pub tls: bool,
    /// Further lines of `postgresql.conf`.
    pub lines: Vec<String>,
}

/// How to stop a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// Cuts all connections and ends in order (`pg_ctl -m fast`).
    Fast,
    /// Ends at once, without tidying up, as after a crash.
    Immediate,
    /// SIGKILL to the first of its processes.
    Kill,
}

/// A PostgreSQL server.
pub struct Server {
    admin: Admin,
    ours: Option<Ours>,
}

/// What we need to stop and start a server of our own.
struct Ours {
    programs: PathBuf,
    home: Option<TempDir>,
    owner: Option<Owner>,
    port: u16,
    keeper: Mutex<Option<Child>>,
}

impl Server {
    /// The server of this process; see the crate's text.
    pub fn shared() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(|| match std::env::var(NAMED) {
            Ok(url) if !url.is_empty() => Self {
                admin: Admin::start(url),
                ours: None,
            },
            _ => Self::start(&Settings::default()),
        })
    }

    /// A server of our own for this process that nobody stops, also where
    /// another is named: for tests that need roles and rules.
    pub fn own() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        if Self::shared().ours.is_some() {
            return Self::shared();
        }
        SERVER.get_or_init(|| Self::start(&Settings::default()))
    }

    /// Makes a server and starts it.
    #[must_use]
    pub fn start(settings: &Settings) -> Self {
        let programs = programs::folder();
        let home = tempfile::Builder::new()
            .prefix("hongyan-postgres-")
            .tempdir()
            .unwrap();
        let owner = programs::owner(home.path());
        if let Some(owner) = owner {
            std::os::unix::fs::chown(home.path(), Some(owner.user), Some(owner.group)).unwrap();
        }
        let mut ours = Ours {
            programs,
            home: Some(home),
            owner,
            port: 0,
            keeper: Mutex::new(None),
        };
        ours.make();
        if settings.tls {
            ours.make_certificate();
        }
        // The port may be taken by somebody else between the look and the start.
        for _ in 0..5 {
            ours.port = free_port();
            ours.configure(settings);
            ours.begin();
            if ours.is_ready() {
                Admin::start(ours.url("hongyan")).prepare();
                return Self {
                    admin: Admin::start(ours.url("owner")),
                    ours: Some(ours),
                };
            }
            ours.end();
        }
        panic!("PostgreSQL does not start:\n{}", ours.log());
    }

    /// A database for a test, with the tables of this version, its secrets sealed
    /// with [`crate::KEY`]. It goes when the value is dropped.
    #[must_use]
    pub fn database(&self) -> Database {
        self.admin.database(true)
    }

    /// A database without any table.
    #[must_use]
    pub fn empty_database(&self) -> Database {
        self.admin.database(false)
    }

    /// The URL with which databases are made.
    #[must_use]
    pub fn url(&self) -> &str {
        self.admin.url()
    }

    /// Cuts all connections to a database; new ones are let in.
    pub fn cut(&self, database: &Database) {
        self.admin.cut(database.name());
    }

    /// Stops a server of our own and waits until it is gone.
    ///
    /// # Panics
    /// For a server that was named by `HONGYAN_TEST_POSTGRES`.
    pub fn stop(&self, how: Stop) {
        let ours = self.ours();
        let signal = match how {
            Stop::Fast => "-INT",
            Stop::Immediate => "-QUIT",
            Stop::Kill => "-KILL",
        };
        ours.signal(signal);
        ours.wait_until_gone();
        ours.end();
    }

    /// Makes the server hold still (`true`) or go on (`false`), without
    /// ending: what it does when its disk does not answer.
    ///
    /// # Panics
    /// As [`Server::stop`].
    pub fn freeze(&self, still: bool) {
        let signal = if still { "-STOP" } else { "-CONT" };
        for process in self.ours().processes() {
            send(signal, &process);
        }
    }

    /// Starts it again after [`Server::stop`].
    ///
    /// # Panics
    /// As [`Server::stop`].
    pub fn resume(&self) {
        let (ours, begin) = (self.ours(), Instant::now());
        loop {
            ours.begin();
            if ours.is_ready() {
                return;
            }
            // After a hard end its last processes may still be about.
            ours.end();
            assert!(begin.elapsed() < PATIENCE, "{}", ours.log());
        }
    }

    /// A URL of a server of our own for a role and database.
    ///
    /// # Panics
    /// As [`Server::stop`].
    #[must_use]
    pub fn url_for(&self, role: &str, database: &str) -> String {
        format!(
            "postgres://{role}@127.0.0.1:{}/{database}",
            self.ours().port
        )
    }

    /// What the server has written into its log.
    ///
    /// # Panics
    /// As [`Server::stop`].
    #[must_use]
    pub fn log(&self) -> String {
        self.ours().log()
    }

    /// The file with the server's certificate, which is its own authority.
    ///
    /// # Panics
    /// As [`Server::stop`].
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.ours().certificate()
    }

    /// One of PostgreSQL's other programs, such as `pg_dump`.
    #[must_use]
    pub fn program(name: &str) -> PathBuf {
        let beside = programs::folder().join(name);
        // Where only the server's programs are on the path, those for its
        // clients are too, elsewhere.
        if beside.is_file() {
            beside
        } else {
            name.into()
        }
    }

    fn ours(&self) -> &Ours {
        self.ours
            .as_ref()
            .expect("only a server of our own can be stopped")
    }
}

impl Ours {
    fn home(&self) -> PathBuf {
        self.home.as_ref().unwrap().path().to_owned()
    }

    fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    fn url(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/postgres", self.port)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.data().join("log")).unwrap_or_default()
    }

    fn make(&self) {
        let made = programs::command(self.programs.join("initdb"), self.owner)
            .args([
                "--no-sync",
                "--no-instructions",
                "-A",
                "trust",
                "-E",
                "UTF8",
            ])
            .args(["--locale", "C", "-U", "hongyan", "-D"])
            .arg(self.data())
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        // Owned by the server's user, written by us: root may, and else it is us.
        let guarded = format!("host all {GUARDED} 127.0.0.1/32 scram-sha-256\n");
        let rules = self.data().join("pg_hba.conf");
        let all = "host all all 127.0.0.1/32 trust\n";
        std::fs::write(rules, guarded + all).unwrap();
    }

    fn make_certificate(&self) {
        let wish = self.data().join("server.cnf");
        let text = "[req]\ndistinguished_name = name\nx509_extensions = leaf\nprompt = no\n\
                    [name]\nCN = localhost\n\
                    [leaf]\nbasicConstraints = critical, CA:FALSE\nsubjectAltName = DNS:localhost\n";
        std::fs::write(&wish, text).unwrap();
        let made = programs::command("openssl", self.owner)
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650",
            ])
            .arg("-config")
            .arg(wish)
            .arg("-keyout")
            .arg(self.data().join("server.key"))
            .arg("-out")
            .arg(self.certificate())
            .output()
            .unwrap();
        assert!(
            made.status.success(),
            "openssl: {}",
            String::from_utf8_lossy(&made.stderr)
        );
    }

    fn certificate(&self) -> PathBuf {
        self.data().join("server.crt")
    }

    fn configure(&self, settings: &Settings) {
        let mut lines = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\n\
             max_connections = 200\nshared_buffers = 128MB\nmax_wal_size = 2GB\n\
             log_min_messages = warning\nlogging_collector = off\n",
            self.port
        );
        if !settings.durable {
            lines.push_str("fsync = off\nfull_page_writes = off\n");
        }
        if settings.tls {
            lines.push_str("ssl = on\n");
        }
        for line in &settings.lines {
            // Writing to a string does not fail.
            let _ = writeln!(lines, "{line}");
        }
        std::fs::write(self.data().join("postgresql.conf"), lines).unwrap();
    }

    fn begin(&self) {
        let keeper = programs::command("/bin/sh", self.owner)
            .args(["-c", KEEPER, "keeper"])
            .arg(self.programs.join("postgres"))
            .arg(self.data())
            .arg(self.home())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        *self.keeper.lock().unwrap() = Some(keeper);
    }

    /// Waits until it answers; `false` = it ended instead.
    fn is_ready(&self) -> bool {
        let begin = Instant::now();
        let status = self.data().join("postmaster.pid");
        while begin.elapsed() < PATIENCE {
            // The eighth line says how far it is (PostgreSQL's own pg_ctl looks
            // there too).
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            if text
                .lines()
                .nth(7)
                .is_some_and(|line| line.trim() == "ready")
                && self.processes().len() > 1
            {
                return true;
            }
            if begin.elapsed() > Duration::from_secs(1) && self.processes().is_empty() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }

    /// Ends the keeper without letting it tidy up what will be used again.
    fn end(&self) {
        if let Some(mut keeper) = self.keeper.lock().unwrap().take() {
            let _ = keeper.kill();
            let _ = keeper.wait();
        }
        self.signal("-KILL");
        self.wait_until_gone();
    }

    /// The server's processes, its first one in front.
    fn processes(&self) -> Vec<String> {
        let data = self.data();
        let data = data.to_str().unwrap();
        let mut named = Vec::new();
        let mut others = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let name = entry.file_name();
            let Some(process) = name.to_str().filter(|n| n.parse::<u32>().is_ok()) else {
                continue;
            };
            let mut line = Vec::new();
            if std::fs::File::open(entry.path().join("cmdline"))
                .and_then(|mut file| file.read_to_end(&mut line))
                .is_err()
            {
                continue;
            }
            let line = String::from_utf8_lossy(&line);
            let mut words = line.split('\0');
            let program = words.next().unwrap_or_default();
            let is_named = program.ends_with("/postgres") && words.any(|word| word == data);
            if (is_named || program.starts_with("postgres: "))
                && let Ok(stat) = std::fs::read_to_string(entry.path().join("stat"))
                && let Some((_, rest)) = stat.rsplit_once(") ")
                && let Some(parent) = rest.split(' ').nth(1)
            {
                let found = (process.to_owned(), parent.to_owned());
                if is_named {
                    named.push(found);
                } else {
                    others.push(found);
                }
            }
        }
        // A child that was just made still bears its parent's command line.
        let Some((first, _)) = named
            .iter()
            .find(|(_, parent)| !named.iter().any(|(other, _)| other == parent))
            .cloned()
        else {
            return Vec::new();
        };
        let children = named
            .into_iter()
            .chain(others)
            .filter(|(_, parent)| *parent == first)
            .map(|(process, _)| process);
        std::iter::once(first.clone()).chain(children).collect()
    }

    fn signal(&self, signal: &str) {
        if let Some(first) = self.processes().first() {
            send(signal, first);
        }
    }

    fn wait_until_gone(&self) {
        let begin = Instant::now();
        while !self.processes().is_empty() {
            assert!(begin.elapsed() < PATIENCE, "PostgreSQL does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        let Some(mut keeper) = self.keeper.lock().unwrap().take() else {
            return;
        };
        // It ends the server and removes the folder, which is not ours to
        // remove where the server runs as somebody else.
        if let Some(home) = self.home.take() {
            let _ = home.keep();
        }
        drop(keeper.stdin.take());
        let _ = keeper.wait();
    }
}

fn send(signal: &str, process: &str) {
    // That it is gone by now is what we want.
    let _ = std::process::Command::new("kill")
        .args([signal, process])
        .stderr(Stdio::null())
        .status();
}

fn free_port() -> u16 {
    let probe = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    probe.local_addr().unwrap().port()
}

impl Admin {
    /// Makes the roles that tests know.
    fn prepare(&self) {
        self.run(&format!(
            "CREATE ROLE owner LOGIN CREATEDB; CREATE ROLE stranger LOGIN; \
             CREATE ROLE {GUARDED} LOGIN PASSWORD '{PASSWORD}'; \
             ALTER DATABASE postgres OWNER TO owner"
        ));
    }
}
