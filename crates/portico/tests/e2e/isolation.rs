//! Each service's database role reaches its own schema and no other.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use crate::helpers::TestSuite;

#[tokio::test]
async fn a_services_role_is_refused_on_the_other_schemas() {
    let suite = TestSuite::start().await;
    let roles = suite.database_urls();

    for (service, url) in &roles {
        let mut connection = PgConnection::connect(url).await.unwrap();
        for (other, schema, table) in suite.tables().await {
            let read = format!("SELECT count(*) FROM {schema}.{table}");
            let answer = sqlx::query(AssertSqlSafe(read)).execute(&mut connection).await;
            let outcome =
                answer.map(drop).map_err(|error| error.as_database_error().unwrap().code().unwrap().into_owned());
            let expected = if *service == other { Ok(()) } else { Err("42501".to_owned()) };
            assert_eq!(outcome, expected, "{service} on {schema}.{table}");
        }
        let make = sqlx::query("CREATE TABLE public.intruder (id int)").execute(&mut connection).await;
        assert!(make.is_err(), "{service} may write to the public schema");
    }
    assert_eq!(roles.len(), 3);
}
