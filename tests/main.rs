mod protocols;

fn main() {}
