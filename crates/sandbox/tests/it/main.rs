//! The sandbox over real HTTP on port 0, driven by a client that writes bytes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod app;
mod backend;
mod callbacks;
mod control;
mod customer_service;
mod faults;
mod followers;
mod http;
mod journal;
mod live;
mod logins;
mod media;
mod menus;
mod pages;
mod qrcodes;
mod quotas;
mod receipts;
mod send;
mod templates;
mod tokens;
