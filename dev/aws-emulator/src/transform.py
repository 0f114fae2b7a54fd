"""Transforms templates, with or without SAM, as CloudFormation does.

Reads requests from the standard input, one line of JSON each: `template` is a file, `parameters` a list. The response is a
line with the deployed template for each of these parameters, or an error message. Parameters are an object with values, or
null: then references to parameters stay. If the template refuses a value, `Refused` names the parameter.
"""

import copy
import json
import logging
import pathlib
import re
import sys

import boto3
from cfnlint.decode.cfn_yaml import load
from cfnlint.template import Template
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

NOTHING = object()


class Refused(Exception):
    pass


class Values:
    """AWS::LanguageExtensions puts values in the place of what they decide, in resources, not in Globals."""

    def __init__(self, template, given):
        self.conditions = template["Conditions"]
        self.mappings = template.get("Mappings", {})
        self.parameters = {}
        for name, parameter in template["Parameters"].items():
            value = given.get(name, parameter.get("Default"))
            allowed = [str(one) for one in parameter.get("AllowedValues", [])]
            pattern = parameter.get("AllowedPattern", "")
            if (allowed and str(value) not in allowed) or (pattern and not re.fullmatch(pattern, value)):
                raise Refused(name)
            self.parameters[name] = value.split(",") if parameter["Type"] == "CommaDelimitedList" else value

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
        if function == "Fn::Sub":
            return self.substituted(*argument) if isinstance(argument, list) else self.substituted(argument)
        if function == "Fn::Split":
            text = self.put(argument[1])
            return text.split(argument[0]) if isinstance(text, str) else {function: [argument[0], text]}
        if function == "Fn::Select":
            parts = self.put(argument[1])
            return parts[int(argument[0])] if isinstance(parts, list) else {function: [argument[0], parts]}
        if function == "Fn::Join":
            parts = self.put(argument[1])
            known = isinstance(parts, list) and all(isinstance(part, str) for part in parts)
            return argument[0].join(parts) if known else {function: [argument[0], parts]}
        if function == "Fn::FindInMap":
            name, first, second = map(self.put, argument)
            return self.mappings[name][first][second]
        put = {name: self.put(inner) for name, inner in value.items()}
        return {name: inner for name, inner in put.items() if inner is not NOTHING}

    def substituted(self, text, given=None):
        """Names of resources, and of what AWS knows, stay."""
        unknown = {}
        for name, value in {**self.parameters, **self.put(given or {})}.items():
            if isinstance(value, dict):
                unknown[name] = value
            else:
                text = text.replace("${%s}" % name, self.text(value))
        if "${" not in text:
            return text
        return {"Fn::Sub": [text, unknown] if unknown else text}

    def put_all(self, section):
        """Without what a condition leaves out."""
        made = {name: one for name, one in section.items() if self.made(one)}
        return {name: {key: one[key] for key in one if key != "Condition"} for name, one in self.put(made).items()}

    def made(self, one):
        return "Condition" not in one or self.holds(self.conditions[one["Condition"]])

    def holds(self, condition):
        ((function, argument),) = condition.items()
        if function == "Condition":
            return self.holds(self.conditions[argument])
        if function == "Fn::Not":
            return not self.holds(argument[0])
        if function == "Fn::And":
            return all(map(self.holds, argument))
        if function == "Fn::Or":
            return any(map(self.holds, argument))
        if function == "Fn::Equals":
            one, other = map(self.text, argument)
            return one == other
        raise ValueError(function)

    def text(self, value):
        if isinstance(value, dict) and "Fn::Join" in value:
            separator, parts = value["Fn::Join"]
            return separator.join(self.put(parts))
        value = self.put(value)
        return str(value).lower() if isinstance(value, bool) else str(value)


def renamed(value, old, new):
    if isinstance(value, list):
        return [renamed(one, old, new) for one in value]
    if not isinstance(value, dict):
        return value
    return {new if name == old else name: renamed(one, old, new) for name, one in value.items()}


def expanded(file):
    """With the loops of AWS::LanguageExtensions expanded."""
    # cfn-lint would look values up for parameters that it makes up.
    source = renamed(load(file), "Fn::FindInMap", "FindInMap")
    defaults = source.pop("Globals", {})
    template = Template(file, source, [REGION])
    errors = template.transform()
    if errors:
        raise ValueError("\n".join(str(error) for error in errors))
    plain = json.loads(json.dumps({**template.template, "Globals": defaults}))
    plain = renamed(plain, "FindInMap", "Fn::FindInMap")
    plain["Transform"] = "AWS::Serverless-2016-10-31"
    for resource in plain["Resources"].values():
        # Where `sam package` puts what `sam build` has built.
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    return plain


def deployed(template, given):
    one = copy.deepcopy(template)
    if given is not None:
        try:
            values = Values(template, given)
        except Refused as refused:
            return {"Refused": str(refused)}
        one["Resources"] = values.put_all(template["Resources"])
        one["Outputs"] = values.put_all(template["Outputs"])
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name=REGION))
    return translator.translate(one, {})


logging.disable(logging.WARNING)
REGION = "eu-central-1"
templates = {}
for line in sys.stdin:
    request = json.loads(line)
    try:
        file = request["template"]
        text = pathlib.Path(file).read_text()
        if text not in templates:
            templates[text] = expanded(file)
        response = [deployed(templates[text], given) for given in request["parameters"]]
    except Exception as error:
        response = str(error)
    print(json.dumps(response), flush=True)
