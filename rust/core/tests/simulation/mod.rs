//! Two endpoints, an encoder model and links: real time made out of arithmetic.

#![allow(dead_code, reason = "each test uses some of it")]

pub mod encoder;
pub mod loss;
pub mod payload;
pub mod player;
pub mod tcp;
pub mod world;
