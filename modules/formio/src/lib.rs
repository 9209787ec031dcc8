//! Form.io schemas: parse, evaluate, validate; pure, without input or output.
