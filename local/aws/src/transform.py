"""Prints a SAM template as CloudFormation deploys it."""

import json
import logging
import sys

import boto3
from cfnlint.decode.cfn_yaml import load
from cfnlint.template import Template
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

logging.disable(logging.WARNING)
region = "eu-central-1"
template = Template(sys.argv[1], load(sys.argv[1]), [region])
faults = template.transform()
if faults:
    sys.exit("\n".join(str(fault) for fault in faults))
expanded = json.loads(json.dumps(template.template))
expanded["Transform"] = "AWS::Serverless-2016-10-31"
for resource in expanded["Resources"].values():
    # Where `sam package` puts what `sam build` has built.
    if resource["Type"] == "AWS::Serverless::Function":
        resource["Properties"]["CodeUri"] = "s3://bucket/key"
translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
json.dump(translator.translate(expanded, {}), sys.stdout)
