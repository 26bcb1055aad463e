use std::collections::BTreeMap;
use std::fmt;

use promotion::{Error, Name, byte_order_mark};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use crate::words::{Env, TemplateName};
use crate::{Artifacts, Event};

/// The parameters of a stack.
pub type StackParameters = BTreeMap<String, String>;

impl Artifacts<'_> {
    /// The parameters of the stack: those of all environments, overridden by those of this one. None if there is no
    /// file for all environments.
    ///
    /// # Errors
    /// `InvalidInput`, with the file and the key; otherwise as [`Artifacts::release`].
    pub async fn stack_parameters(&self) -> Result<Option<StackParameters>, Error> {
        let Event { env, template_name, .. } = self.event;
        let [common, own] = files(template_name.as_ref(), env);
        let (common_json, own_json) = tokio::try_join!(self.parameters(&common), self.parameters(&own))?;
        let found = common_json.is_some();
        let mut parameters = StackParameters::new();
        for (file, json) in [(common, common_json), (own, own_json)] {
            if let Some(json) = json {
                parameters.extend(parse(&file, &json)?);
            }
        }
        Ok(Some(parameters).filter(|_| found))
    }
}

/// The names of the two files of parameters.
pub fn files(template_name: Option<&TemplateName>, env: &Env) -> [String; 2] {
    let stem =
        template_name.map_or_else(|| "cloudformation-params".into(), |name| format!("cloudformation-{name}-params"));
    [format!("{stem}.json"), format!("{stem}.{env}.json")]
}

fn parse(file: &str, json: &[u8]) -> Result<StackParameters, Error> {
    let wrong = |what: String| Error::new(Name::InvalidInput, format!("{file}: {what}"));
    if let Some(mark) = byte_order_mark(json) {
        return Err(wrong(mark));
    }
    let parsed: Result<Strings, _> = serde_json::from_slice(json);
    parsed.map(|Strings(parameters)| parameters).map_err(|error| wrong(error.to_string()))
}

/// A JSON object of strings, without duplicate keys.
struct Strings(StackParameters);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StringsVisitor).map(Self)
    }
}

struct StringsVisitor;

impl<'de> Visitor<'de> for StringsVisitor {
    type Value = StackParameters;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of parameters, each a string")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<StackParameters, A::Error> {
        let mut parameters = StackParameters::new();
        while let Some((key, value)) = object.next_entry::<String, Value>()? {
            let kind = match value {
                Value::String(value) => {
                    if parameters.insert(key.clone(), value).is_some() {
                        return Err(A::Error::custom(format!("\"{key}\" is a duplicate")));
                    }
                    continue;
                }
                Value::Null => "null",
                Value::Bool(_) => "true or false without quotes",
                Value::Number(_) => "a number without quotes",
                Value::Array(_) => "a list",
                Value::Object(_) => "an object",
            };
            let expected = "expected a string, which is what CloudFormation takes (a list is one string with commas)";
            return Err(A::Error::custom(format!("\"{key}\" is {kind}: {expected}")));
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files() {
        let env = Env::try_from("prod".to_owned()).unwrap();
        assert_eq!(files(None, &env), ["cloudformation-params.json", "cloudformation-params.prod.json"]);
        let name = TemplateName::try_from("worker".to_owned()).unwrap();
        assert_eq!(
            files(Some(&name), &env),
            ["cloudformation-worker-params.json", "cloudformation-worker-params.prod.json"]
        );
    }

    #[test]
    fn reads_strings_only_and_names_the_file_and_the_key() {
        assert_eq!(parse("f", br#"{"A":"1","B":""}"#).unwrap().len(), 2);
        for (json, expected) in [
            (r#"{"A":1}"#, "f: \"A\" is a number without quotes: expected a string"),
            (r#"{"A":true}"#, "f: \"A\" is true or false without quotes"),
            (r#"{"A":["x"]}"#, "f: \"A\" is a list"),
            (r#"{"A":null}"#, "f: \"A\" is null"),
            (r#"{"A":"1","A":"2"}"#, "f: \"A\" is a duplicate"),
            ("[]", "f: invalid type: sequence, expected an object of parameters"),
            ("{", "f: EOF while parsing"),
            ("\u{feff}{}", "f: it begins with the byte order mark (BOM) of UTF-8: save it as UTF-8 without BOM"),
        ] {
            let error = parse("f", json.as_bytes()).unwrap_err();
            assert_eq!(error.name(), Name::InvalidInput);
            assert!(error.to_string().starts_with(expected), "{json}: {error}");
        }
    }
}
