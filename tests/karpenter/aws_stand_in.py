# SPDX-License-Identifier: Apache-2.0
"""AWS' own command line without AWS: each call is held against AWS' service model, and answered from the table below.

usage: aws_stand_in.py SOCKET LOG; desk/aws is the program that asks there, and each call is a child of this one.

The parameters are checked as the service would: names, types and what is required (by the command line
itself), then enumerations, patterns and lengths. The answers are held against the model too, so that a
--query that asks for what no answer has comes out empty. What was called stands in LOG, and
what a call needs of earlier ones (a role to attach to, nothing attached where one is deleted) is looked
for there. It is told here, not by AWS, what the stack of Karpenter's documentation makes.
"""
import base64
import datetime
import json
import os
import pathlib
import re
import signal
import socket
import sys
import types

import awscli.clidriver
from botocore.validate import ParamValidator

ACCOUNT = "123456789012"
REGION = "us-east-1"
SOCKET, LOG = map(pathlib.Path, sys.argv[1:])
ARN = f"arn:aws:iam::{ACCOUNT}"
NOW = datetime.datetime(2026, 1, 1)
POLICIES = ["NodeLifecycle", "IAMIntegration", "EKSIntegration", "Interruption", "ZonalShift", "ResourceDiscovery"]
QUOTAS = {"L-DB2E81BA": "Running On-Demand G and VT instances", "L-417A185B": "Running On-Demand P instances"}
# What an account has when all of the tutorial's is gone: (state, tags).
INSTANCES = [
    ("terminated", {"eks:eks-cluster-name": "my-cluster", "karpenter.sh/nodepool": "time-slicing-g6"}),
    ("running", {"eks:eks-cluster-name": "another", "karpenter.sh/nodepool": "time-slicing-g6"}),
    ("running", {"eks:eks-cluster-name": "my-cluster", "eks:nodegroup-name": "system"})]
AMI = "/aws/service/eks/optimized-ami/1.34/amazon-linux-2023/x86_64/nvidia/"
SERVICES = ("sts", "eks", "ec2", "ecr", "iam", "ssm", "cloudformation", "service-quotas")


class Refused(Exception):
    """What AWS would refuse: (code, message)."""


def past(operation, **wanted):
    """The parameters of the earlier calls of this operation that have these."""
    calls = map(json.loads, LOG.read_text().splitlines())
    return [call["params"] for call in calls if call["operation"] == operation
            and all(call["params"].get(key) == value for key, value in wanted.items())]


def note(operation, params):
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(json.dumps({"operation": operation, "params": params}) + "\n")


def need(found, code, message):
    if not found:
        raise Refused(code, message)


def stack_exists(name):
    made = len(past("ExecuteChangeSet", StackName=name))
    return made > len(past("DeleteStack", StackName=name))


def stack_cluster(name):
    """The cluster that the stack was made for."""
    parameters = past("CreateChangeSet", StackName=name)[-1]["Parameters"]
    return {one["ParameterKey"]: one["ParameterValue"] for one in parameters}["ClusterName"]


def policy_exists(arn):
    clusters = [stack_cluster(call["StackName"]) for call in past("ExecuteChangeSet") if stack_exists(call["StackName"])]
    return arn in [f"{ARN}:policy/KarpenterController{name}Policy-{cluster}" for cluster in clusters for name in POLICIES]


def role_exists(name):
    of_stack = [call for call in past("ExecuteChangeSet") if stack_exists(call["StackName"])
                and name == f"KarpenterNodeRole-{stack_cluster(call['StackName'])}"]
    return of_stack or len(past("CreateRole", RoleName=name)) > len(past("DeleteRole", RoleName=name))


def attached(role=None, arn=None):
    wanted = {key: value for key, value in (("RoleName", role), ("PolicyArn", arn)) if value}
    return len(past("AttachRolePolicy", **wanted)) - len(past("DetachRolePolicy", **wanted))


def describe_stacks(given):
    need(stack_exists(given["StackName"]), "ValidationError", f"Stack with id {given['StackName']} does not exist")
    return {"Stacks": [{"StackName": given["StackName"], "CreationTime": NOW, "StackStatus": "CREATE_COMPLETE"}]}


def delete_stack(given):
    cluster = stack_cluster(given["StackName"])
    for name in POLICIES:
        arn = f"{ARN}:policy/KarpenterController{name}Policy-{cluster}"
        need(not attached(arn=arn), "DeleteConflict", f"{arn} is still attached")
    return {}


def create_role(given):
    trust = json.loads(given["AssumeRolePolicyDocument"])
    need(trust["Version"] == "2012-10-17" and trust["Statement"], "MalformedPolicyDocument", "no statement")
    for one in trust["Statement"]:
        need(set(one) <= {"Sid", "Effect", "Principal", "Action", "Condition"} and {"Effect", "Principal", "Action"} <= set(one),
             "MalformedPolicyDocument", f"a trust policy has no such statement: {one}")
        need(one["Principal"] == {"Service": "pods.eks.amazonaws.com"}
             and set(one["Action"]) == {"sts:AssumeRole", "sts:TagSession"},
             "MalformedPolicyDocument", "EKS Pod Identity assumes a role by both actions")
    return {"Role": {"Path": "/", "RoleName": given["RoleName"], "RoleId": "A" * 21, "CreateDate": NOW,
                     "Arn": f"{ARN}:role/{given['RoleName']}"}}


def attach(given):
    need(role_exists(given["RoleName"]), "NoSuchEntity", f"no role {given['RoleName']}")
    need(policy_exists(given["PolicyArn"]), "NoSuchEntity", f"no policy {given['PolicyArn']}")
    return {}


def detach(given):
    need(attached(given["RoleName"], given["PolicyArn"]), "NoSuchEntity", f"{given['PolicyArn']} is not attached")
    return {}


def delete_role(given):
    need(role_exists(given["RoleName"]), "NoSuchEntity", f"no role {given['RoleName']}")
    need(not attached(given["RoleName"]), "DeleteConflict", f"policies are attached to {given['RoleName']}")
    return {}


def with_role(given, key):
    """A call that names a role by its ARN."""
    arn = given[key]
    need(arn.startswith(f"{ARN}:role/") and role_exists(arn.rpartition("/")[2]), "InvalidParameterException", f"no role {arn}")
    return {}


def access(given):
    need(given.get("type") == "EC2_LINUX", "InvalidParameterException", f"no nodes join as '{given.get('type')}'")
    return with_role(given, "principalArn")


def quota(given):
    need(given["ServiceCode"] == "ec2" and given["QuotaCode"] in QUOTAS, "NoSuchResourceException", "no such quota")
    return {"Quota": {"QuotaCode": given["QuotaCode"], "QuotaName": QUOTAS[given["QuotaCode"]], "Value": 0.0}}


def more_quota(given):
    quota(given)
    return {"RequestedQuota": {"Id": "1", "DesiredValue": given["DesiredValue"], "Status": "PENDING"}}


def cluster(given):
    return {"cluster": {
        "name": given["name"], "version": "1.34", "endpoint": "https://eks.invalid", "status": "ACTIVE",
        "arn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{given['name']}", "certificateAuthority": {"data": "Q0E="},
        "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"},
        "resourcesVpcConfig": {"subnetIds": ["subnet-0123456789abcdef0"], "clusterSecurityGroupId": "sg-0123456789abcdef0"}}}


def node_group(given):
    return {"nodegroup": {"nodegroupName": given["nodegroupName"], "clusterName": given["clusterName"],
                          "subnets": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]}}


def create_tags(given):
    for resource in given["Resources"]:
        need(re.fullmatch(r"(subnet|sg)-[0-9a-f]{17}", resource), "InvalidID", f"not an id: '{resource}'")
    return {}


def passes(state, tags, one):
    """Whether an instance passes a filter. One that AWS does not know is an error."""
    name, values = one["Name"], one["Values"]
    if name == "instance-state-name":
        return state in values
    if name == "tag-key":
        return bool(set(values) & set(tags))
    need(name.startswith("tag:"), "InvalidParameterValue", f"the filter '{name}' is invalid")
    return tags.get(name.removeprefix("tag:")) in values


def instances(given):
    found = [{"InstanceId": f"i-0123456789abcdef{number}", "InstanceType": "g6.xlarge"}
             for number, (state, tags) in enumerate(INSTANCES) if all(passes(state, tags, one) for one in given["Filters"])]
    return {"Reservations": [{"Instances": found}]}


def images(given):
    path = given["Path"]
    need(AMI.startswith(path), "InvalidParameters", f"no parameters below {path}")
    names = [f"{AMI}amazon-eks-node-al2023-x86_64-nvidia-1.34-v{day}/image_id" for day in (20260806, 20260903)]
    return {"Parameters": [{"Name": name, "Type": "String", "Value": "ami-0123456789abcdef0"} for name in names]}


def login(_):
    return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:secret").decode(), "expiresAt": NOW,
                                   "proxyEndpoint": f"https://{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"}]}


def repository(given):
    return {"repository": {"repositoryName": given["repositoryName"],
                           "repositoryUri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{given['repositoryName']}"}}


def delete_repository(given):
    need(past("CreateRepository", repositoryName=given["repositoryName"]), "RepositoryNotFoundException", "no such repository")
    need(given.get("force"), "RepositoryNotEmptyException", "the repository still has images")
    return {}


def association(given):
    with_role(given, "roleArn")
    return {"association": {"associationId": "a-0123456789abcdef0", "clusterName": given["clusterName"]}}


def associations(given):
    made = past("CreatePodIdentityAssociation", clusterName=given["clusterName"])
    return {"associations": [{"associationId": "a-0123456789abcdef0", "clusterName": given["clusterName"]} for _ in made]}


def nothing(_):
    return {}


ANSWERS = {
    "GetCallerIdentity": lambda _: {"Account": ACCOUNT, "UserId": "A" * 21, "Arn": f"{ARN}:user/reader"},
    "GetServiceQuota": quota, "RequestServiceQuotaIncrease": more_quota,
    "DescribeCluster": cluster, "ListNodegroups": lambda _: {"nodegroups": ["system"]}, "DescribeNodegroup": node_group,
    "CreateTags": create_tags, "DescribeInstances": instances,
    "DescribeStacks": describe_stacks, "CreateChangeSet": lambda given: {"Id": "arn:aws:cloudformation:change"},
    "DescribeChangeSet": lambda given: {"Status": "CREATE_COMPLETE"}, "ExecuteChangeSet": nothing, "DeleteStack": delete_stack,
    "CreateRole": create_role, "AttachRolePolicy": attach, "DetachRolePolicy": detach, "DeleteRole": delete_role,
    "CreateAddon": nothing,
    "CreatePodIdentityAssociation": association, "ListPodIdentityAssociations": associations,
    "DeletePodIdentityAssociation": nothing,
    "CreateAccessEntry": access,
    "DeleteAccessEntry": lambda given: with_role(given, "principalArn"),
    "GetParametersByPath": images,
    "GetAuthorizationToken": login, "CreateRepository": repository, "DeleteRepository": delete_repository,
}


def faults(value, shape, where):
    """What the service would say to a value that the command line lets through."""
    if shape.type_name == "structure":
        return [one for key, part in value.items() for one in faults(part, shape.members[key], f"{where}.{key}")]
    if shape.type_name == "list":
        return [one for part in value for one in faults(part, shape.member, f"{where}[]")]
    if shape.type_name != "string":
        return []
    rules, found = shape.metadata, []
    if rules.get("enum") and value not in rules["enum"]:
        found.append(f"{where}: '{value}' is none of {rules['enum']}")
    if rules.get("pattern") and not re.search(rules["pattern"], value):
        found.append(f"{where}: '{value}' is not as {rules['pattern']}")
    if not rules.get("min", 0) <= len(value) <= rules.get("max", len(value)):
        found.append(f"{where}: '{value}' is too short or too long")
    return found


def judge(params, model, **_):
    found = faults(params, model.input_shape, model.name) if model.input_shape else []
    found += [f"{model.name}.{key}: '{value}'" for key, value in params.items() if value in ("", "None")]
    if found:
        sys.exit("aws: " + "; ".join(found))
    context["params"] = json.loads(json.dumps(params, default=str))


def answer(model, **_):
    if model.name not in ANSWERS:
        sys.exit(f"aws: nobody has written down what AWS answers to {model.name}")
    params = context["params"]
    try:
        made = ANSWERS[model.name](params)
    except Refused as refused:
        code, message = refused.args
        return types.SimpleNamespace(status_code=400), {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {}}
    note(model.name, params)
    if model.output_shape:
        report = ParamValidator().validate(made, model.output_shape)
        assert not report.has_errors(), f"the answer to {model.name} is not AWS's: {report.generate_report()}"
    return types.SimpleNamespace(status_code=200), made | {"ResponseMetadata": {}}


def start():
    """The command line with all that costs time to read already in its memory."""
    driver = awscli.clidriver.create_clidriver()
    driver.session.register("before-parameter-build", judge)
    driver.session.register("before-call", answer)
    for name in SERVICES:
        driver.session.get_service_model(name)
    return driver


def serve(driver, connection):
    """One call: words, folder and region of the caller, and its three streams."""
    message, streams, _, _ = socket.recv_fds(connection, 1 << 16, 3)
    words, folder, region = json.loads(message)
    if os.fork():
        for stream in streams:
            os.close(stream)
        return
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.chdir(folder)
    os.environ["AWS_DEFAULT_REGION"] = region
    code = 1
    try:
        code = driver.main(words) or 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        if code:
            note("Failed", words)
        connection.send(str(code).encode())
        os._exit(0)


def main():
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    driver = start()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(SOCKET))
    listener.listen()
    while True:
        connection, _ = listener.accept()
        with connection:
            serve(driver, connection)


context = {}
if __name__ == "__main__":
    main()
