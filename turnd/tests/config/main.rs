//! The configuration as an operator meets it: a file and a command line in; settings, notes or errors
//! out. One module per question; files in the shape of well-known templates are in `../data`.

mod binding;
mod documents;
mod fuzz;
mod helpers;
mod listening;
mod logging;
mod messages;
mod metrics;
mod mistakes;
mod proxy;
mod rates;
mod secrets;
mod shipped;
mod sources;
mod templates;
mod tls;
mod toml;
mod values;
mod written;
