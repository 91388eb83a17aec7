//! Values on their way to PostgreSQL.

use std::error::Error;

use tokio_postgres::types::private::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::{Kind, Value};

impl Value {
    pub(super) fn postgres_type(&self) -> Type {
        match self {
            Self::Int(_) | Self::Null(Kind::Int) => Type::INT8,
            Self::Float(_) | Self::Null(Kind::Float) => Type::FLOAT8,
            Self::Bool(_) | Self::Null(Kind::Bool) => Type::BOOL,
            Self::Text(_) | Self::Null(Kind::Text) => Type::TEXT,
            Self::Bytes(_) | Self::Null(Kind::Bytes) => Type::BYTEA,
            Self::Uuid(_) | Self::Null(Kind::Uuid) => Type::UUID,
        }
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        of: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Self::Int(it) => it.to_sql(of, out),
            Self::Float(it) => it.to_sql(of, out),
            Self::Bool(it) => it.to_sql(of, out),
            Self::Text(it) => it.to_sql(of, out),
            Self::Bytes(it) => it.to_sql(of, out),
            Self::Uuid(it) => it.to_sql(of, out),
            Self::Null(_) => Ok(IsNull::Yes),
        }
    }

    /// Statements are prepared for the types of their values, so that a type that does not fit is
    /// refused by the server, with the statement at hand.
    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
