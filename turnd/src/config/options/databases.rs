//! Options under the heading "Databases".

use super::{
    Kind::{File, Hidden},
    Topic,
    row::not_yet,
};

const NO_DATABASE: &str = "no database is read, so its users, secrets and realms are unknown";

pub(super) static TOPIC: Topic = Topic {
    heading: "Databases",
    options: &[
        not_yet("userdb", File(None), "SQLite database", NO_DATABASE).letter('b'),
        not_yet("db", File(None), "same as userdb", NO_DATABASE),
        not_yet(
            "psql-userdb",
            Hidden(None),
            "PostgreSQL database",
            NO_DATABASE,
        )
        .letter('e'),
        not_yet(
            "sql-userdb",
            Hidden(None),
            "same as psql-userdb",
            NO_DATABASE,
        ),
        not_yet("mysql-userdb", Hidden(None), "MySQL database", NO_DATABASE).letter('M'),
        not_yet(
            "mongo-userdb",
            Hidden(None),
            "MongoDB database",
            NO_DATABASE,
        )
        .letter('J'),
        not_yet("redis-userdb", Hidden(None), "Redis database", NO_DATABASE).letter('N'),
        not_yet(
            "redis-statsdb",
            Hidden(None),
            "Redis for status and traffic",
            "nothing is published",
        )
        .letter('O'),
    ],
};
