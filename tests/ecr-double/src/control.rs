//! The control endpoint. Placeholder.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response};

use crate::body::{Body, empty};
use crate::world::World;

pub(crate) async fn handle(_world: Arc<World>, _request: Request<Incoming>) -> Response<Body> {
    Response::new(empty())
}
