//! Two daemons with one policy, each with a database and a wire of its own: either is killed at random, sometimes both, and
//! either is cut off from Regions for a while. Nothing is made twice, no lane is overfilled by their doing, and one takes
//! over from the other. `LIFEBOAT_TWO_HOSTS_SECONDS=600` goes on for longer.

use crate::support::instants::{Instants, number};
use crate::support::{Bench, Daemon, FLEET, healed, nothing_made_twice, wait_until};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A call that was cut off ends after 45 s, a Region is tried again within a minute, and what one host does not know of the
/// other may have to wait for a listing two minutes later.
const SOON: Duration = Duration::from_secs(240);

/// What lies between a host and AWS: it lets nothing through to the Regions that it is cut off from.
struct Wire {
    address: SocketAddr,
    cut: Arc<Mutex<Vec<String>>>,
}

impl Wire {
    fn to(endpoint: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let cut: Arc<Mutex<Vec<String>>> = Arc::default();
        let shared = cut.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let cut = shared.clone();
                std::thread::spawn(move || carry(&client, endpoint, &cut));
            }
        });
        Self { address, cut }
    }
}

/// Carries requests one way and answers the other, until either side ends or the wire is cut.
fn carry(client: &TcpStream, endpoint: SocketAddr, cut: &Mutex<Vec<String>>) {
    let Ok(server) = TcpStream::connect(endpoint) else { return };
    let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let back_again = std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (client, &server);
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..read]);
        // The Region stands in the scope of the signature.
        if cut.lock().unwrap().iter().any(|region| text.contains(&format!("/{region}/fsx/"))) {
            break;
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Both);
    let _ = client.shutdown(Shutdown::Both);
    let _ = back_again.join();
}

struct Host<'a> {
    bench: &'a Bench,
    name: &'static str,
    wire: Wire,
    daemon: Option<Daemon>,
    listen: SocketAddr,
}

impl<'a> Host<'a> {
    fn new(bench: &'a Bench, name: &'static str) -> Self {
        let wire = Wire::to(bench.endpoint.local_addr());
        Self { bench, name, wire, daemon: None, listen: crate::support::free_address() }
    }

    fn path(&self, what: &str) -> PathBuf {
        self.bench.path(&format!("{}-{what}", self.name))
    }

    fn write_policy(&self, policies: &str) {
        let text = format!(
            "[daemon]\nstate = \"{}\"\nlisten = \"{}\"\ncontrol = \"{}\"\npoll = \"200ms\"\n\
             [aws]\nendpoint_url = \"http://{}\"\nrequests_per_second = 200\n{policies}",
            self.path("state.db").display(),
            self.listen,
            self.path("control.sock").display(),
            self.wire.address,
        );
        std::fs::write(self.path("lifeboat.toml"), text).unwrap();
    }

    fn start(&mut self) {
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = self.bench.command(&["run", "--config"]);
        command.arg(self.path("lifeboat.toml")).stderr(log).stdout(Stdio::null());
        self.daemon = Some(Daemon { child: command.spawn().unwrap() });
    }

    fn kill(&mut self) {
        if let Some(daemon) = self.daemon.take() {
            daemon.kill();
        }
    }

    /// What it waits for.
    fn plan(&self) -> String {
        let output = self.bench.command(&["plan", "--config"]).arg(self.path("lifeboat.toml")).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

fn policies(schedule: &str) -> String {
    let file_systems = crate::support::FILE_SYSTEMS.map(|id| format!("\"{id}\"")).join(", ");
    format!(
        "[[policy]]\nname = \"all\"\nregion = \"us-east-1\"\nfile_systems = [{file_systems}]\nvolumes = [\"{}\"]\n\
         schedule = \"{schedule}\"\nretain = {{ last = 5 }}\n\
         [[policy.destination]]\nregion = \"us-west-2\"\nretain = {{ last = 4 }}\n\
         [[policy.destination]]\nregion = \"eu-west-1\"\nretain = {{ last = 4 }}\n",
        crate::support::VOLUME
    )
}

#[test]
fn either_is_killed_or_cut_off_and_the_other_goes_on() {
    let lasts = Duration::from_secs(number("LIFEBOAT_TWO_HOSTS_SECONDS").unwrap_or(25));
    let mut instants = Instants::new();
    // Work takes seconds, and tokens are remembered for as long as at AWS.
    let faults = "[cloud]\nbackup_floor_seconds = 1.0\nbackup_bytes_per_second = 1e9\ncopy_floor_seconds = 1.5\n\
                  copy_bytes_per_second = 1e9\n[[fault]]\nthrottle_percent = 3\nclose_after_percent = 3\n";
    let bench = Bench::with_fleet(FLEET, 1.0, faults);
    let mut hosts = [Host::new(&bench, "one"), Host::new(&bench, "other")];
    for host in &mut hosts {
        host.write_policy(&policies("*/4 * * * * *"));
        host.start();
    }
    let began = Instant::now();
    let regions = ["us-east-1", "us-west-2", "eu-west-1"];
    while began.elapsed() < lasts {
        // The instant is the point of this test; there is no event to wait for.
        std::thread::sleep(Duration::from_millis(100 + instants.below(1_500)));
        let which = instants.below(8);
        let hit: &[usize] = match which {
            0 => &[0, 1],
            odd if odd % 2 == 1 => &[1],
            _ => &[0],
        };
        for nth in hit {
            let host = &mut hosts[*nth];
            if instants.below(2) == 0 {
                host.kill();
                if instants.below(2) == 0 {
                    std::thread::sleep(Duration::from_millis(instants.below(1_500)));
                }
                host.start();
            } else {
                let cut = regions.iter().filter(|_| instants.below(3) == 0).map(|region| (*region).to_owned());
                *host.wire.cut.lock().unwrap() = cut.collect();
            }
        }
    }
    // One of them is gone for good; the other takes over.
    let [mut one, mut other] = hosts;
    one.kill();
    other.wire.cut.lock().unwrap().clear();
    if other.daemon.is_none() {
        other.start();
    }
    bench.set_faults("");
    let count = || bench.inventory().backups.len();
    let before = count();
    wait_until("the other takes over", SOON, || count() > before + 16);
    other.write_policy(&policies("0 0 1 1 *"));
    other.daemon.as_ref().unwrap().signal("HUP");
    let healing = Instant::now();
    while !healed(&bench.inventory()) {
        assert!(healing.elapsed() < SOON, "in vain: healed\n{}\n{}", other.plan(), other.log());
        std::thread::sleep(Duration::from_millis(50));
    }
    let inventory = bench.inventory();
    nothing_made_twice(&inventory);
    for lane in &inventory.lanes {
        assert!(lane.used.peak <= 5, "{lane:?}");
    }
    for host in [&one, &other] {
        let log = host.log();
        assert!(!log.contains("panicked") && !log.contains("illegal"), "{log}");
    }
    assert!(count() > 60, "{} in all", count());
}
