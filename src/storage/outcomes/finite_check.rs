//! Refuses a float that is not finite, and names its field. serde_json writes a NaN as null, and the figure would be
//! lost without an error. The check walks a row through serde, so it also covers fields that are added later.

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use std::fmt::{self, Display};

/// Checks every float of a row.
///
/// # Errors
/// One sentence with the name of the row's field that contains a float that is not finite, at any depth.
pub fn check_finite(row: &impl Serialize) -> Result<(), String> {
    row.serialize(FiniteCheck).map_err(|error| error.to_string())
}

#[derive(Clone, Copy)]
struct FiniteCheck;

/// The reason why a walk ended: a float that is not finite, or an error of a type's own serialisation.
#[derive(Debug)]
enum WalkError {
    NotFinite(String),
    Other(String),
}

impl WalkError {
    /// The same error within this field: the outermost name is the row's field.
    fn within(self, field: &(impl Serialize + ?Sized)) -> Self {
        let name = serde_json::to_value(field).ok();
        match (self, name.as_ref().and_then(|name| name.as_str())) {
            (Self::NotFinite(_), Some(name)) => Self::NotFinite(name.to_owned()),
            (error, _) => error,
        }
    }
}

impl Display for WalkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFinite(field) => write!(f, "field `{field}` is not a finite number"),
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for WalkError {}

impl Error for WalkError {
    fn custom<T: Display>(why: T) -> Self {
        Self::Other(why.to_string())
    }
}

type Walked = Result<(), WalkError>;

/// Methods for values that neither are floats nor contain any.
macro_rules! passed {
    ($($method:ident($value:ty),)*) => {
        $(fn $method(self, _: $value) -> Walked { Ok(()) })*
    };
}

/// Methods that open a compound value, whose parts are checked one by one.
macro_rules! opened {
    ($($method:ident($($argument:ty),*);)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<Self, WalkError> { Ok(self) })*
    };
}

impl Serializer for FiniteCheck {
    type Ok = ();
    type Error = WalkError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    passed! {
        serialize_bool(bool), serialize_char(char), serialize_str(&str), serialize_bytes(&[u8]),
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64),
        serialize_unit_struct(&'static str),
    }

    opened! {
        serialize_seq(Option<usize>);
        serialize_tuple(usize);
        serialize_tuple_struct(&'static str, usize);
        serialize_tuple_variant(&'static str, u32, &'static str, usize);
        serialize_map(Option<usize>);
        serialize_struct(&'static str, usize);
        serialize_struct_variant(&'static str, u32, &'static str, usize);
    }

    fn serialize_f32(self, float: f32) -> Walked {
        self.serialize_f64(float.into())
    }

    fn serialize_f64(self, float: f64) -> Walked {
        if float.is_finite() { Ok(()) } else { Err(WalkError::NotFinite(String::new())) }
    }

    fn serialize_none(self) -> Walked {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Walked {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Walked {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Walked {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Walked {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Walked {
        value.serialize(self)
    }

    /// Dates use this method; they are not formatted.
    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Walked {
        Ok(())
    }
}

/// Lists of values without names.
macro_rules! elements {
    ($($part:ident::$method:ident,)*) => {
        $(impl $part for FiniteCheck {
            type Ok = ();
            type Error = WalkError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Walked {
                value.serialize(*self)
            }

            fn end(self) -> Walked {
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

/// Values under the names of their fields.
macro_rules! named {
    ($($part:ident,)*) => {
        $(impl $part for FiniteCheck {
            type Ok = ();
            type Error = WalkError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Walked {
                value.serialize(*self).map_err(|error| error.within(name))
            }

            fn end(self) -> Walked {
                Ok(())
            }
        })*
    };
}

named! { SerializeStruct, SerializeStructVariant, }

impl SerializeMap for FiniteCheck {
    type Ok = ();
    type Error = WalkError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Walked {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Walked {
        value.serialize(*self)
    }

    fn serialize_entry<K, V>(&mut self, key: &K, value: &V) -> Walked
    where
        K: Serialize + ?Sized,
        V: Serialize + ?Sized,
    {
        value.serialize(*self).map_err(|error| error.within(key))
    }

    fn end(self) -> Walked {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Run;
    use crate::storage::fixtures;

    #[test]
    fn every_kind_of_number_is_looked_at() {
        let checked = |change: fn(&mut Run)| {
            let mut run = fixtures::run("01A", "groq", "m");
            change(&mut run);
            check_finite(&run)
        };
        let refused = |name: &str| Err(format!("field `{name}` is not a finite number"));
        assert_eq!(checked(|_| ()), Ok(()));
        assert_eq!(checked(|run| run.temperature = Some(f64::NAN)), refused("temperature"));
        assert_eq!(checked(|run| run.phases.tls_seconds = Some(f64::INFINITY)), refused("tls_seconds"));
        assert_eq!(
            checked(|run| run.quality.loop_lag_seconds = f64::NEG_INFINITY),
            refused("loop_lag_seconds")
        );
        assert_eq!(
            checked(|run| run.speeds.times_between_tokens.push(f64::NAN)),
            refused("times_between_tokens")
        );
    }

    #[test]
    fn the_outermost_field_is_named() {
        let deep = std::collections::BTreeMap::from([("outer", vec![Some(("inner", f32::NAN))])]);
        assert_eq!(check_finite(&deep), Err("field `outer` is not a finite number".to_owned()));
        assert_eq!(check_finite(&("x", 1.5, [Some(2), None])), Ok(()));
    }
}
