//! The hub by what it says: stories of a few named clients, on a [`stage`] with a clock of its own.

mod arguments;
mod grace;
mod limits;
mod packets;
mod property;
mod refresh;
mod rooms;
mod stage;
mod table;
