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
    let (compose, roles, secrets) =
        (read("docker-compose.yml"), read("deploy/compose/roles.sh"), read("deploy/compose/secrets.sh"));

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
        assert!(
            secrets
                .lines()
                .any(|line| line.starts_with("for service in") && line.split([' ', ';']).any(|word| word == name))
        );
    }
}

#[test]
fn two_of_every_service_can_be_started() {
    let scale = read("docker-compose.scale.yml");

    for (name, _) in services() {
        assert!(container(&scale, &name).contains("replicas: 2"), "{name}");
    }
}

/// What `deploy/aws/services.yaml` says of a nested stack: the lines under its name.
fn stack<'a>(template: &'a str, name: &str) -> Vec<&'a str> {
    let name = format!("  {}{}:", name[..1].to_uppercase(), &name[1..]);
    let lines = template.split("\nResources:\n").nth(1).unwrap().lines().skip_while(|line| *line != name).skip(1);
    lines.take_while(|line| line.starts_with("    ")).map(str::trim).collect()
}

#[test]
fn every_service_is_on_aws_where_the_gateway_looks_and_has_a_role_for_its_schema() {
    let (template, security, program) =
        (read("deploy/aws/services.yaml"), read("deploy/aws/security.yaml"), read("deploy/portico_release/aws.py"));
    let gateway = read("deploy/aws/gateway.yaml");

    for (name, service) in services() {
        let ServiceEntry { port, internal_port, schema, .. } = service;
        let lines = stack(&template, &name);
        for line in [format!("Name: {name}"), format!("Port: {port}"), format!("InternalPort: {internal_port}")] {
            assert!(lines.contains(&line.as_str()), "{name} lacks `{line}`: {lines:?}");
        }
        let range = |from: &str, to: &str| security.contains(&format!("FromPort: {from}, ToPort: {to}"));
        assert!((8081..=8083).contains(&port) && range("8081", "8083"), "{name}");
        assert!((9081..=9083).contains(&internal_port) && range("9081", "9083"), "{name}");
        let schema = schema.unwrap();
        assert!(schema == name || program.contains(&format!("\"{name}\": \"{schema}\"")), "{name}: {schema}");
    }
    assert!(gateway.contains("http://auth:8081/.well-known/jwks.json"), "the gateway reads auth's keys");
}
