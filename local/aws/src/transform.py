"""Prints a SAM template as CloudFormation deploys it, once for each argument.

An argument is `null`, and references to parameters stay, or parameters with values, as a JSON object.
"""

import copy
import json
import logging
import sys

import boto3
from cfnlint.decode.cfn_yaml import load
from cfnlint.template import Template
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

NOTHING = object()


class Values:
    """AWS::LanguageExtensions puts values in the place of what they decide, in resources, not in Globals."""

    def __init__(self, template, given):
        self.conditions = template["Conditions"]
        self.parameters = {}
        for name, parameter in template["Parameters"].items():
            value = given.get(name, parameter.get("Default"))
            if parameter["Type"] == "CommaDelimitedList":
                value = value.split(",")
            self.parameters[name] = value

    def put(self, value):
        if isinstance(value, list):
            return [one for one in map(self.put, value) if one is not NOTHING]
        if not isinstance(value, dict):
            return value
        function, argument = next(iter(value.items()), (None, None)) if len(value) == 1 else (None, None)
        if function == "Ref":
            return NOTHING if argument == "AWS::NoValue" else self.parameters.get(argument, value)
        if function == "Fn::If":
            return self.put(argument[1] if self.holds(self.conditions[argument[0]]) else argument[2])
        if function == "Fn::Split":
            return self.put(argument[1]).split(argument[0])
        put = {name: self.put(inner) for name, inner in value.items()}
        return {name: inner for name, inner in put.items() if inner is not NOTHING}

    def holds(self, condition):
        ((function, argument),) = condition.items()
        if function == "Condition":
            return self.holds(self.conditions[argument])
        if function == "Fn::Not":
            return not self.holds(argument[0])
        if function == "Fn::And":
            return all(map(self.holds, argument))
        if function == "Fn::Equals":
            one, other = map(self.text, argument)
            return one == other
        raise ValueError(function)

    def text(self, value):
        if isinstance(value, dict) and "Fn::Join" in value:
            separator, parts = value["Fn::Join"]
            return separator.join(self.put(parts))
        return str(self.put(value))


logging.disable(logging.WARNING)
region = "eu-central-1"
source = load(sys.argv[1])
defaults = source.pop("Globals")
template = Template(sys.argv[1], source, [region])
faults = template.transform()
if faults:
    sys.exit("\n".join(str(fault) for fault in faults))
expanded = json.loads(json.dumps({**template.template, "Globals": defaults}))
expanded["Transform"] = "AWS::Serverless-2016-10-31"
for resource in expanded["Resources"].values():
    # Where `sam package` puts what `sam build` has built.
    if resource["Type"] == "AWS::Serverless::Function":
        resource["Properties"]["CodeUri"] = "s3://bucket/key"
deployed = []
for given in map(json.loads, sys.argv[2:]):
    one = copy.deepcopy(expanded)
    if given is not None:
        one["Resources"] = Values(expanded, given).put(expanded["Resources"])
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=region))
    deployed.append(translator.translate(one, {}))
json.dump(deployed, sys.stdout)
