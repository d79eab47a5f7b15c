//! The files that start the suite in containers, held to `portico.toml`.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::fs;
use std::path::Path;

use portico_gateway::{RouteFile, ServiceEntry};

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)).unwrap()
}

fn services() -> Vec<(String, ServiceEntry)> {
    let services = RouteFile::parse(&read("portico.toml")).unwrap().services;
    assert!(services.len() >= 3, "{services:?}");
    services.into_iter().collect()
}

/// What `docker-compose.yml` says of a container: the lines under its name.
fn container(compose: &str, name: &str) -> String {
    let lines = compose.lines().skip_while(|line| *line != format!("  {name}:")).skip(1);
    let block: Vec<_> = lines.take_while(|line| line.is_empty() || line.starts_with("    ")).collect();
    assert!(!block.is_empty(), "docker-compose.yml has no {name}");
    block.join("\n")
}

#[test]
fn every_service_has_a_container_that_listens_where_the_gateway_looks() {
    let compose = read("docker-compose.yml");
    let gateway = container(&compose, "gateway");

    for (name, service) in services() {
        let block = container(&compose, &name);
        let ServiceEntry { url, port, internal_port, .. } = service;
        assert_eq!(url.as_str(), format!("http://{name}:{port}/"), "{name}");
        for line in [format!("LISTEN: 0.0.0.0:{port}"), format!("INTERNAL_LISTEN: 0.0.0.0:{internal_port}")] {
            assert!(block.contains(&line), "{name} lacks `{line}`");
        }
        assert!(block.contains("<<: *service") && block.contains("networks: [inside"), "{name}");
        assert!(!block.contains("ports:"), "{name} is published");
        assert!(
            gateway.contains(&format!("      {name}:\n        condition: service_healthy")),
            "the gateway starts before {name}"
        );
    }
}

#[test]
fn every_schema_has_a_role_and_is_brought_up_to_date_before_its_service_starts() {
    let (compose, roles) = (read("docker-compose.yml"), read("deploy/compose/roles.sh"));
    let secrets = container(&compose, "secrets");

    for (name, service) in services() {
        let Some(schema) = service.schema else { continue };
        let job = container(&compose, &format!("{name}-migrate"));
        assert!(
            job.contains("command: [migrate]") && job.contains("restart: \"no\"") || job.contains("<<: *job"),
            "{name}"
        );
        let before = format!("      {name}-migrate:\n        condition: service_completed_successfully");
        assert!(container(&compose, &name).contains(&before), "{name} starts before its schema is there");
        assert!(roles.lines().any(|line| line == format!("role {name} {schema}")), "{name} has no role");
        for (place, mount) in [(&secrets, format!("/secrets/{name}")), (&job, "/run/secrets:ro".to_owned())] {
            let line = format!("      - {name}-secrets:{mount}");
            assert!(place.lines().any(|found| found == line), "{name} lacks `{line}`");
        }
    }
}

#[test]
fn two_of_every_service_can_be_started() {
    let scale = read("docker-compose.scale.yml");

    for (name, _) in services() {
        assert!(container(&scale, &name).contains("replicas: 2"), "{name}");
    }
}
