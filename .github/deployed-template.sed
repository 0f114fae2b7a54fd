# Turns template.yaml into the deployed template: each function's code is the output of `cargo lambda build`.
/^        Binary: /{
  N
  s|^        Binary: (.+)\n    Properties:$|&\n      CodeUri: target/lambda/\1|
}
