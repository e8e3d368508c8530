"""What the AWS CLI makes of configuration files, in one process: its own start takes most of a second.

Reads one JSON object a line and answers each with one:
  {"read": PATH}                    -> {"error": NAME} or {"sections": {...}, "profiles": [...], "sessions": [...]}
  {"keys": PATH}                    -> {"error": NAME} or {"keys": [...]}: the profiles of a credentials file
  {"login": PATH, "profile": NAME}  -> {"error": NAME} or {}; the fake AWS knows who asked for the ECR token
"""
import json
import os
import sys

from awscli.botocore import configloader, loaders
from awscli.botocore.session import Session

loader = loaders.create_loader()


def read(path):
    loaded = configloader.load_config(path)
    return {
        "sections": configloader.raw_config_parse(path, parse_subsections=False),
        "profiles": sorted(loaded["profiles"]),
        "sessions": sorted(loaded["sso_sessions"]),
    }


def login(path, profile):
    os.environ["AWS_CONFIG_FILE"] = path
    session = Session()
    session.register_component("data_loader", loader)
    if profile:
        session.set_config_variable("profile", profile)
    client = session.create_client("ecr", region_name="us-east-1")
    client.get_authorization_token()
    return {}


for line in sys.stdin:
    ask = json.loads(line)
    try:
        if "read" in ask:
            answer = read(ask["read"])
        elif "keys" in ask:
            answer = {"keys": sorted(configloader.raw_config_parse(ask["keys"]))}
        else:
            answer = login(ask["login"], ask["profile"])
    except Exception as error:  # the kind of it is the answer
        answer = {"error": type(error).__name__}
    print(json.dumps(answer), flush=True)
