//! The container images and what starts them. No engine runs them here: their files are held against each other and
//! against the tree, and turnd is started as they start it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use saphyr::{LoadableYamlNode, Yaml};

use crate::support::is_root;

const CONFIG: &str = "/etc/turnd/turnserver.conf";

fn tree() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    fs::read_to_string(tree().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn compose(text: &str) -> Yaml<'_> {
    Yaml::load_from_str(text).unwrap().remove(0)
}

/// A key of a service, its own or of what it is merged with.
fn get<'y>(service: &'y Yaml<'y>, key: &str) -> Option<&'y Yaml<'y>> {
    let merged = service.as_mapping_get("<<");
    let own = service.as_mapping_get(key);
    own.or_else(|| merged.and_then(|merged| merged.as_mapping_get(key)))
}

fn services<'y>(compose: &'y Yaml<'y>) -> Vec<(&'y str, &'y Yaml<'y>)> {
    let services = compose["services"].as_mapping().unwrap().iter();
    services
        .map(|(name, service)| (name.as_str().unwrap(), service))
        .collect()
}

fn texts<'y>(list: &'y Yaml<'y>) -> Vec<&'y str> {
    let list = list.as_sequence().unwrap().iter();
    list.map(|item| item.as_str().unwrap()).collect()
}

/// `[FROM ... AS name]` and the lines below, for each stage.
fn stages(dockerfile: &str) -> Vec<(&str, Vec<&str>)> {
    let mut stages = Vec::new();
    for line in dockerfile.lines() {
        if let Some(from) = line.strip_prefix("FROM ") {
            stages.push((from, Vec::new()));
        } else if let Some((_, lines)) = stages.last_mut() {
            lines.push(line);
        }
    }
    stages
}

#[test]
fn every_service_may_do_as_little_as_it_needs() {
    let text = read("deploy/compose.yaml");
    let compose = compose(&text);
    let services = services(&compose);
    assert_eq!(services.len(), 4);
    for (name, service) in services {
        let get = |key| get(service, key).unwrap_or_else(|| panic!("{name} has no {key}"));
        assert_eq!(get("read_only").as_bool(), Some(true), "{name}");
        assert_eq!(texts(get("cap_drop")), ["ALL"], "{name}");
        assert_eq!(
            texts(get("security_opt")),
            ["no-new-privileges:true"],
            "{name}"
        );
        assert!(service.as_mapping_get("privileged").is_none(), "{name}");
        assert!(service.as_mapping_get("user").is_none(), "{name}");
    }
}

#[test]
fn the_images_are_of_a_user_without_rights_and_have_a_health_check() {
    let dockerfile = read("deploy/Dockerfile");
    let stages = stages(&dockerfile);
    let named: Vec<_> = stages.iter().map(|(from, _)| *from).collect();
    assert_eq!(
        named[1..],
        [
            "debian:trixie-slim AS base",
            "base AS signaling",
            "base AS turnd"
        ]
    );
    let users: Vec<_> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("USER "))
        .collect();
    assert_eq!(users, ["65532:65532"]);
    assert!(stages[1].1.contains(&"USER 65532:65532"));
    for (from, lines) in &stages[2..] {
        let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
        assert!(
            has("HEALTHCHECK") && has("ENTRYPOINT") && has("CMD"),
            "{from}"
        );
    }
    let needed = read("Cargo.toml");
    let needed = needed
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \""))
        .unwrap();
    let rust = format!("rust:{}-slim-trixie AS build", needed.trim_end_matches('"'));
    assert_eq!(named[0], rust);
}

#[test]
fn what_is_copied_and_mounted_is_there() {
    let ignored = read("deploy/Dockerfile.dockerignore");
    let ignored: Vec<_> = ignored
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    assert!(ignored.contains(&"deploy/compose/turn-secret"));
    assert!(
        read(".gitignore")
            .lines()
            .any(|line| line == "/deploy/compose/turn-secret")
    );
    for line in read("deploy/Dockerfile").lines() {
        let Some(copied) = line
            .strip_prefix("COPY ")
            .filter(|line| !line.starts_with("--from"))
        else {
            continue;
        };
        let source = copied.split(' ').next().unwrap();
        assert!(tree().join(source).exists(), "{source}");
        assert!(!ignored.contains(&source), "{source}");
    }
    for member in [
        "turnd",
        "signaling",
        "web",
        "crates",
        "deploy",
        "docs",
        "Cargo.lock",
    ] {
        assert!(!ignored.contains(&member), "{member}");
    }

    let text = read("deploy/compose.yaml");
    let compose = compose(&text);
    let volumes = compose["volumes"].as_mapping().unwrap();
    let mut mounts = 0;
    for (name, service) in services(&compose) {
        let Some(list) = get(service, "volumes") else {
            continue;
        };
        for mount in texts(list) {
            let source = mount.split(':').next().unwrap();
            mounts += 1;
            match source.strip_prefix("./") {
                Some(path) => {
                    assert!(mount.ends_with(":ro"), "{name}: {mount}");
                    assert!(tree().join("deploy").join(path).exists(), "{name}: {mount}");
                }
                None => assert!(
                    volumes
                        .iter()
                        .any(|(volume, _)| volume.as_str() == Some(source)),
                    "{name}: {mount}"
                ),
            }
        }
    }
    assert_eq!(mounts, 8);
}

/// One address of it in one file is the same in the others.
#[test]
fn the_pieces_find_each_other() {
    let prometheus = read("deploy/prometheus/prometheus.yml");
    assert!(prometheus.contains("targets: [\"turnd:9641\"]"));
    let source = read("deploy/grafana/provisioning/datasources/prometheus.yml");
    assert!(source.contains("url: http://127.0.0.1:9090\n"));
    let dashboards = read("deploy/grafana/provisioning/dashboards/turnd.yml");
    assert!(dashboards.contains("path: /etc/grafana/dashboards\n"));
    let text = read("deploy/compose.yaml");
    for piece in [
        "extra_hosts: [\"turnd:127.0.0.1\"]",
        "--web.listen-address=127.0.0.1:9090",
        "./grafana/turnd.json:/etc/grafana/dashboards/turnd.json:ro",
        "turn-secret: {file: ./compose/turn-secret}",
    ] {
        assert!(text.contains(piece), "{piece}");
    }
    let compose = compose(&text);
    let signaling = &compose["services"]["signaling"];
    let words = texts(&signaling["command"]);
    assert!(words.contains(&format!("--turn-config={CONFIG}").as_str()));
    assert_eq!(
        texts(&compose["services"]["turnd"]["command"]),
        [format!("--config={CONFIG}")]
    );
}

/// In a container of our own: the image's user without any right, a root directory that is read-only, the file where
/// compose.yaml mounts it, the secret where it puts secrets, and the command lines of compose.yaml and the Dockerfile.
const CONTAINER: &str = r#"
set -eu
program=$1 config=$2
ip link set lo up
mount -t tmpfs -o mode=755 tmpfs /run
mkdir /run/secrets /run/etc /run/upper /run/work
cp "$program" /run/turnd
mount -t overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work overlay /etc
mkdir -p /etc/turnd
cp "$config" /etc/turnd/turnserver.conf
echo 0123456789abcdef0123456789abcdef > /run/secrets/turn-secret
chmod -R a+rX /run/secrets /etc/turnd /run/turnd
mount --bind / /mnt && mount -o remount,ro,bind /mnt
for kept in etc run dev proc; do mount --rbind /$kept /mnt/$kept; done
mount -o remount,ro,bind /mnt/etc && mount -o remount,ro,bind /mnt/run
container() {
    chroot /mnt setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs --bounding-set=-all "$@"
}
if container touch /run/x 2>/dev/null; then echo "the root directory can be written to"; exit 1; fi
chroot /mnt setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs --bounding-set=-all \
    /run/turnd --config=/etc/turnd/turnserver.conf 2>&1 &
server=$!
tries=100
until container /run/turnd healthcheck --config=/etc/turnd/turnserver.conf --timeout=1 2>/dev/null; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "it never became healthy"; exit 1; }
    kill -0 $server || { echo "it has ended"; exit 1; }
    sleep 0.05
done
kill -TERM $server
wait $server
if container /run/turnd healthcheck --config=/etc/turnd/turnserver.conf --timeout=1; then echo "healthy, but gone"; exit 1; fi
echo "all of it went well"
"#;

#[test]
fn turnd_runs_as_the_image_runs_it() {
    if !is_root() {
        return;
    }
    let config = tree().join("deploy/compose/turnserver.conf");
    let output = Command::new("unshare")
        .args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .args(["sh", "-c", CONTAINER, "sh", env!("CARGO_BIN_EXE_turnd")])
        .arg(&config)
        .output()
        .unwrap();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success(), "{said}");
    for line in [
        "turnd answers on udp",
        "turnd is ready",
        "turnd has stopped",
        "all of it went well",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains(" ERROR "), "{said}");
}
