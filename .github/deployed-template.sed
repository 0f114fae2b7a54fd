# Makes of template.yaml the template that is deployed: each function's code is what `cargo lambda build` has built.
/^        Binary: /{
  N
  s|^        Binary: (.+)\n    Properties:$|&\n      CodeUri: target/lambda/\1|
}
