#!/usr/bin/env python3
"""Holds a running simulator against the FSx API model that ships with botocore: apimodel.py URL

Three things are tried, for every operation that the simulator serves:
  - valid requests, sent by boto3 as it is;
  - every answer, as it came over the wire, against the model's output shape: what must be there is there, what is there
    is known, of the right type, within its bounds, and of the enumerated words;
  - every wrong request that follows from the input shape (a required member missing, too long, too short, against its
    pattern, not among its words, out of range, of another type), signed and sent past boto3's own checks. It must be
    refused in the service's words, and change nothing.

The simulator should run at a speed of 500: a backup then takes a fraction of a second, and not less than a few calls. Ends 0 if everything was as the model says; else says what was not.
"""
import json
import re
import sys
import time
import urllib.error
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

KEYS = ("AKIA111122223333TEST", "none")
SOURCE, DESTINATION = "us-east-1", "us-west-2"
SERVED = [
    "CopyBackup", "CreateBackup", "CreateFileSystem", "CreateStorageVirtualMachine", "CreateVolume", "DeleteBackup",
    "DeleteFileSystem", "DeleteVolume", "DescribeBackups", "DescribeFileSystems", "DescribeStorageVirtualMachines",
    "DescribeVolumes", "ListTagsForResource", "TagResource", "UntagResource",
]  # fmt: skip
# Something for every pattern of the model; the first that fits is taken.
SAMPLES = [
    "fs-0123456789abcdef0", "fsvol-0123456789abcdef0", "svm-0123456789abcdef0", "backup-0123456789abcdef0",
    "subnet-0123456789abcdef0", "sg-0123456789abcdef0", "vpc-0123456789abcdef0", "rtb-0123456789abcdef0",
    "fsvolsnap-0123456789abcdef0", "d-0123456789", "us-west-2", "a", "1:05:00", "05:00", "10.0.0.1", "10.0.0.0/24",
    "arn:aws:fsx:us-east-1:111122223333:backup/backup-0123456789abcdef0", "s3://bucket/path", "corp.example.com",
    "OU=org,DC=example,DC=com", "/vol1", "2.12", "*", "Password-1", "dG9rZW4=", "111122223333", "aaaaaaaa",
    "arn:aws:secretsmanager:us-east-1:111122223333:secret:admin-AbCdEf", "dra-0123456789abcdef0",
    "arn:aws:logs:us-east-1:111122223333:log-group:aws/fsx:*", "files", "aaaaaaaaaaaa", "10.0.0.1@tcp", "0:0", "aggr1", "fc-0123456789abcdef0",
]  # fmt: skip
ODD = ["!", "\u0001", "\n", "é", " ", "_", "x", "\u0000", "<"]
problems = []
counts = {"answers": 0, "refusals": 0}


def wrong(what):
    problems.append(what)
    print(f"not ok: {what}", file=sys.stderr)


def matches(pattern, text):
    """Whether the whole text fits, as the service reads the pattern. Python's `re` has no classes of Unicode."""
    pattern = pattern.replace(r"\p{L}\p{Z}\p{N}", r"\w\s").replace(r"\p{L}", r"\w").replace(r"\p{IsAlphabetic}", r"\w")
    pattern = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: re.escape(chr(int(code[1], 16))), pattern)
    return re.fullmatch(pattern.removesuffix("$") if pattern.endswith("$") else pattern, text) is not None


# --- Answers -----------------------------------------------------------------------------------------------------------


def check(value, shape, path):
    """Holds a value as it came over the wire against its shape."""
    kinds = {"string": str, "boolean": bool, "integer": int, "long": int, "timestamp": (int, float), "list": list,
             "structure": dict, "map": dict, "double": (int, float)}  # fmt: skip
    kind = kinds[shape.type_name]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        return wrong(f"{path}: {value!r} is no {shape.type_name}")
    bounds, size = shape.metadata, len(value) if isinstance(value, (str, list)) else value
    # The service does not hold its own words to these two: its complaints are longer than an ErrorMessage may be, and a
    # list of tags may be empty.
    bounded = shape.name not in ("ErrorMessage", "Tags")
    if bounded and shape.type_name in ("string", "list", "integer", "long"):
        if size < bounds.get("min", size) or size > bounds.get("max", size):
            wrong(f"{path}: {value!r} is beyond its bounds {bounds}")
    if shape.type_name == "string":
        if shape.enum and value not in shape.enum:
            wrong(f"{path}: {value!r} is not one of {shape.enum}")
        if "pattern" in bounds and not matches(bounds["pattern"], value):
            wrong(f"{path}: {value!r} is not of the form {bounds['pattern']}")
    elif shape.type_name == "list":
        for number, item in enumerate(value):
            check(item, shape.member, f"{path}[{number}]")
    elif shape.type_name == "structure":
        for name in shape.required_members:
            if name not in value:
                wrong(f"{path}: {name} is missing")
        for name, member in value.items():
            if name not in shape.members:
                wrong(f"{path}: the model has no {name}")
            else:
                check(member, shape.members[name], f"{path}.{name}")


def check_answer(model, operation, status, headers, body):
    """Holds a whole answer against the operation."""
    counts["answers"] += 1
    headers = {name.lower(): value for name, value in headers.items()}
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", headers.get("x-amzn-requestid", "")):
        wrong(f"{operation}: no request id")
    if headers.get("content-type") != "application/x-amz-json-1.1":
        wrong(f"{operation}: content type {headers.get('content-type')}")
    body = json.loads(body)
    if status == 200:
        return check(body, model.operation_model(operation).output_shape, operation)
    code = body.pop("__type", None)
    if headers.get("x-amzn-errortype") != code:
        wrong(f"{operation}: header and body name different errors: {headers.get('x-amzn-errortype')}, {code}")
    modelled = {shape.name: shape for shape in model.operation_model(operation).error_shapes}
    if code not in modelled and code != "SerializationException":
        wrong(f"{operation}: {code} is not an error of this operation")
    if status != (500 if code == "InternalServerError" else 400):
        wrong(f"{operation}: {code} with status {status}")
    if code in modelled:
        check(body, modelled[code], f"{operation}: {code}")
    return None


# --- Valid requests ----------------------------------------------------------------------------------------------------


def client(region, url):
    config = Config(retries={"max_attempts": 0}, parameter_validation=True)
    made = boto3.client("fsx", region_name=region, endpoint_url=url, aws_access_key_id=KEYS[0],
                        aws_secret_access_key=KEYS[1], config=config)  # fmt: skip
    model = made.meta.service_model

    def before_parse(operation_model, response_dict, **_):
        check_answer(model, operation_model.name, response_dict["status_code"], response_dict["headers"],
                     response_dict["body"])  # fmt: skip

    made.meta.events.register("before-parse.fsx", before_parse)
    return made


def refused(code, call, **arguments):
    try:
        call(**arguments)
        wrong(f"{call.__name__} {arguments}: wanted {code}, and it was done")
    except ClientError as error:
        if error.response["Error"]["Code"] != code:
            wrong(f"{call.__name__} {arguments}: wanted {code}, got {error}")


def becomes(fsx, word, backup):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = fsx.describe_backups(BackupIds=[backup])["Backups"][0]
        if found["Lifecycle"] == word:
            return found
        time.sleep(0.05)
    return wrong(f"{backup} does not become {word}")


def build(fsx):
    """One file system of each type, a volume, and what belongs to them."""
    subnet = ["subnet-0123456789abcdef0"]
    tags = [{"Key": "dr", "Value": "gold"}, {"Key": "Name", "Value": "home of all"}]
    make = lambda **more: fsx.create_file_system(SubnetIds=subnet, Tags=tags, **more)["FileSystem"]["FileSystemId"]
    windows = make(FileSystemType="WINDOWS", StorageCapacity=300, WindowsConfiguration={
        "ThroughputCapacity": 32, "AutomaticBackupRetentionDays": 0, "DeploymentType": "SINGLE_AZ_2"})  # fmt: skip
    lustre = make(FileSystemType="LUSTRE", StorageCapacity=1200, LustreConfiguration={
        "DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125})  # fmt: skip
    openzfs = make(FileSystemType="OPENZFS", StorageCapacity=64, OpenZFSConfiguration={
        "DeploymentType": "SINGLE_AZ_1", "ThroughputCapacity": 64, "AutomaticBackupRetentionDays": 0})  # fmt: skip
    ontap = make(FileSystemType="ONTAP", StorageCapacity=1024, OntapConfiguration={
        "DeploymentType": "SINGLE_AZ_1", "ThroughputCapacity": 128, "AutomaticBackupRetentionDays": 0})  # fmt: skip
    wait(lambda: all(system["Lifecycle"] == "AVAILABLE" for system in fsx.describe_file_systems()["FileSystems"]))
    svm = fsx.create_storage_virtual_machine(FileSystemId=ontap, Name="svm1", Tags=tags)
    svm = svm["StorageVirtualMachine"]["StorageVirtualMachineId"]
    wait(lambda: all(svm["Lifecycle"] == "CREATED"
                     for svm in fsx.describe_storage_virtual_machines()["StorageVirtualMachines"]))  # fmt: skip
    volume = fsx.create_volume(VolumeType="ONTAP", Name="vol1", Tags=tags, OntapConfiguration={
        "StorageVirtualMachineId": svm, "SizeInMegabytes": 1024, "JunctionPath": "/vol1"})  # fmt: skip
    volume = volume["Volume"]["VolumeId"]
    wait(lambda: fsx.describe_volumes(VolumeIds=[volume])["Volumes"][0]["Lifecycle"] == "CREATED")
    return windows, lustre, openzfs, ontap, volume


def full(shape, depth=0):
    """Everything that a shape has room for, each at its least."""
    if shape.type_name == "structure":
        return {name: full(member, depth + 1) for name, member in shape.members.items()}
    if shape.type_name == "list":
        return [full(shape.member, depth + 1)]
    return sample(shape)


def with_all_said(fsx, model):
    """What a request says may not all be shown again: passwords are not, and some members have another form."""
    shape = model.operation_model("CreateFileSystem").input_shape
    words = {"FileSystemId", "Lifecycle"}
    for kind, member in [("WINDOWS", "WindowsConfiguration"), ("LUSTRE", "LustreConfiguration"),
                         ("ONTAP", "OntapConfiguration"), ("OPENZFS", "OpenZFSConfiguration")]:  # fmt: skip
        said = full(shape.members[member])
        if kind == "LUSTRE":
            said["DeploymentType"] = "PERSISTENT_2"
        made = fsx.create_file_system(FileSystemType=kind, StorageCapacity=1200, SubnetIds=["subnet-0123456789abcdef0"],
                                      **{member: said})["FileSystem"]  # fmt: skip
        if not words <= made.keys() or "Password-1" in json.dumps(made, default=str):
            wrong(f"{kind}: {made}")


def wait(ready):
    deadline = time.monotonic() + 60
    while not ready():
        if time.monotonic() > deadline:
            return wrong("the file systems do not become available")
        time.sleep(0.05)
    return None


def converse(url):
    """The life of a few backups; returns the two clients and what is there at the end."""
    fsx, far = client(SOURCE, url), client(DESTINATION, url)
    windows, lustre, openzfs, ontap, volume = build(fsx)
    taken = [fsx.create_backup(FileSystemId=system, ClientRequestToken=f"token-{system}", Tags=[{"Key": "a", "Value": ""}])
             for system in (windows, lustre, openzfs)]  # fmt: skip
    taken.append(fsx.create_backup(VolumeId=volume))
    taken = [answer["Backup"]["BackupId"] for answer in taken]
    refused("BackupInProgress", fsx.create_backup, FileSystemId=windows)
    refused("IncompatibleParameterError", fsx.create_backup, FileSystemId=lustre, ClientRequestToken=f"token-{windows}")
    refused("UnsupportedOperation", fsx.create_backup, FileSystemId=ontap)
    refused("SourceBackupUnavailable", far.copy_backup, SourceBackupId=taken[0], SourceRegion=SOURCE)
    refused("BackupInProgress", fsx.delete_backup, BackupId=taken[0])
    for backup in taken:
        becomes(fsx, "AVAILABLE", backup)
    copies = [far.copy_backup(SourceBackupId=backup, SourceRegion=SOURCE, CopyTags=True)["Backup"]["BackupId"]
              for backup in taken]  # fmt: skip
    for copy, backup in zip(copies, taken):
        found = becomes(far, "AVAILABLE", copy)
        if (found["SourceBackupId"], found["SourceBackupRegion"], found["Type"]) != (backup, SOURCE, "USER_INITIATED"):
            wrong(f"{copy} does not say where it came from")
    errands(fsx, far, taken, copies, windows)
    with_all_said(fsx, fsx.meta.service_model)
    return fsx, far


def errands(fsx, far, taken, copies, windows):
    """Listing, tagging, deleting, and the refusals of each."""
    arn = becomes(fsx, "AVAILABLE", taken[0])["ResourceARN"]
    fsx.tag_resource(ResourceARN=arn, Tags=[{"Key": "lifeboat:hold", "Value": "audit"}])
    fsx.list_tags_for_resource(ResourceARN=arn)
    fsx.untag_resource(ResourceARN=arn, TagKeys=["lifeboat:hold"])
    filters = [{"Name": "file-system-id", "Values": [windows]}, {"Name": "backup-type", "Values": ["USER_INITIATED"]}]
    if len(fsx.describe_backups(Filters=filters)["Backups"]) != 1:
        wrong("two filters show something else than the one backup")
    pages = [page for page in fsx.get_paginator("describe_backups").paginate(PaginationConfig={"PageSize": 1})]
    if sum(len(page["Backups"]) for page in pages) != len(taken):
        wrong("paging shows something else than all backups")
    nowhere = "backup-0123456789abcdef0"
    refused("BackupNotFound", fsx.describe_backups, BackupIds=[taken[0], nowhere])
    refused("BackupNotFound", fsx.delete_backup, BackupId=nowhere)
    refused("BackupNotFound", far.copy_backup, SourceBackupId=nowhere, SourceRegion=SOURCE)
    refused("FileSystemNotFound", fsx.create_backup, FileSystemId="fs-0123456789abcdef0")
    refused("VolumeNotFound", fsx.create_backup, VolumeId="fsvol-0123456789abcdef0")
    refused("FileSystemNotFound", fsx.describe_file_systems, FileSystemIds=["fs-0123456789abcdef0"])
    refused("VolumeNotFound", fsx.describe_volumes, VolumeIds=["fsvol-0123456789abcdef0"])
    refused("InvalidRegion", far.copy_backup, SourceBackupId=taken[0], SourceRegion="cn-north-1")
    refused("ResourceNotFound", fsx.list_tags_for_resource, ResourceARN=arn.rsplit("/", 1)[0] + f"/{nowhere}")
    if far.delete_backup(BackupId=copies[0])["Lifecycle"] != "DELETED":
        wrong("a deleted backup is not DELETED")
    refused("BackupNotFound", far.describe_backups, BackupIds=[copies[0]])


# --- Wrong requests ----------------------------------------------------------------------------------------------------


def sample(shape, depth=0):
    """The least that satisfies a shape."""
    if shape.type_name == "structure":
        return {name: sample(shape.members[name], depth + 1) for name in shape.required_members}
    if shape.type_name == "list":
        return [sample(shape.member, depth + 1)] * shape.metadata.get("min", 0)
    if shape.type_name in ("integer", "long"):
        return max(shape.metadata.get("min", 0), 0)
    if shape.type_name == "boolean":
        return True
    if shape.type_name == "timestamp":
        return 1700000000
    if shape.enum:
        return shape.enum[0]
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 1 << 30)
    fitting = [text for text in SAMPLES if low <= len(text) <= high and matches(shape.metadata.get("pattern", ".*"), text)]
    if not fitting:
        raise ValueError(f"no sample for {shape.name} {shape.metadata}")
    return fitting[0]


def beside(text, length):
    """The text made longer or shorter, in kind."""
    return (text + (text[-1:] or "a") * length)[:length]


def breakages(shape, path):
    """Every way to break one value, each with the error it must give and what that must say."""
    bounds, quote = shape.metadata, re.escape(path)
    said = lambda words: ("BadRequest", rf"at '{quote}' failed to satisfy constraint: Member must .*{words}")
    if shape.type_name == "string":
        good = sample(shape)
        if shape.enum:
            yield "NO_SUCH_WORD", *said(r"satisfy enum value set: \[")
        else:
            if bounds.get("max", 1 << 20) < 1 << 20:
                yield beside(good, bounds["max"] + 1), *said(f"length less than or equal to {bounds['max']}")
            if bounds.get("min", 0) > 0:
                yield beside(good, bounds["min"] - 1), *said(f"length greater than or equal to {bounds['min']}")
            if "pattern" in bounds:
                length = max(bounds.get("min", 1), 1)
                against = [odd * length for odd in ODD if not matches(bounds["pattern"], odd * length)]
                for text in against[:2]:
                    yield text, *said("satisfy regular expression pattern: ")
        yield 7, "SerializationException", "NUMBER_VALUE can not be converted to a String"
        yield ["x"], "SerializationException", "START_ARRAY can not be converted to a String"
    elif shape.type_name in ("integer", "long"):
        if "max" in bounds:
            yield bounds["max"] + 1, *said(f"value less than or equal to {bounds['max']}")
        if "min" in bounds:
            yield bounds["min"] - 1, *said(f"value greater than or equal to {bounds['min']}")
        yield "many", "SerializationException", "STRING_VALUE can not be converted to an? (Integer|Long)"
    elif shape.type_name == "boolean":
        yield "maybe", "SerializationException", "STRING_VALUE can not be converted to a Boolean"
    elif shape.type_name == "list":
        item = sample(shape.member)
        if bounds.get("max", 1 << 20) < 1 << 20:
            yield [item] * (bounds["max"] + 1), *said(f"length less than or equal to {bounds['max']}")
        if bounds.get("min", 0) > 0:
            yield [item] * (bounds["min"] - 1), *said(f"length greater than or equal to {bounds['min']}")
        yield "x", "SerializationException", "STRING_VALUE can not be converted to a"
    elif shape.type_name == "structure":
        yield 7, "SerializationException", "NUMBER_VALUE can not be converted to a"


def wrongs(shape, path, put, depth=0):
    """Every wrong request below a shape: (what to send, error, words). `put` makes a request of a value for this place."""
    base = sample(shape)
    for name, member in shape.members.items():
        below = f"{path}{name[0].lower()}{name[1:]}"
        with_member = lambda value, name=name: put({**base, name: value})
        if name in shape.required_members:
            lacking = {key: value for key, value in base.items() if key != name}
            yield put(lacking), "BadRequest", rf"Value null at '{re.escape(below)}' failed .*Member must not be null"
        for value, code, words in breakages(member, below):
            yield with_member(value), code, words
        if member.type_name == "structure" and depth < 6:
            yield from wrongs(member, f"{below}.", with_member, depth + 1)
        elif member.type_name == "list" and member.member.type_name == "structure" and depth < 6:
            in_list = lambda value, put=with_member: put([value])
            yield from wrongs(member.member, f"{below}.1.member.", in_list, depth + 1)
        elif member.type_name == "list":
            # Of a list of plain items the whole list is named.
            for value, code, words in breakages(member.member, below):
                yield with_member([value]), code, words.replace(": Member must", ": Member must satisfy constraint: .*must", 1)


def send(url, operation, body):
    data = json.dumps(body).encode()
    headers = {"X-Amz-Target": f"AWSSimbaAPIService_v20180301.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", url + "/", headers=headers, data=data)
    SigV4Auth(Credentials(*KEYS), "fsx", SOURCE).add_auth(request)
    request = urllib.request.Request(url + "/", data=data, headers=dict(request.headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def harass(url, model):
    for operation in SERVED:
        shape = model.operation_model(operation).input_shape
        for body, code, words in wrongs(shape, "", lambda value: value):
            counts["refusals"] += 1
            status, headers, answer = send(url, operation, body)
            sent = json.dumps(body)
            sent = f"{operation} {sent[:160]}{'…' if len(sent) > 160 else ''}"
            if status == 200:
                wrong(f"{sent}: wanted {code} ({words}), and it was done")
                continue
            check_answer(model, operation, status, headers, answer)
            answer = json.loads(answer)
            told = answer.get("Message", "")
            if answer.get("__type") != code:
                wrong(f"{sent}: wanted {code} ({words}), got {answer.get('__type')}: {told[:200]}")
            elif code == "BadRequest" and not re.match(r"[1-9]\d* validation errors? detected: Value ", told):
                wrong(f"{sent}: {told[:200]}")
            elif not re.search(words, told, re.DOTALL):
                wrong(f"{sent}: wanted the words {words}, got {told[:300]}")


def books(fsx, far):
    there = [fsx.describe_backups()["Backups"], far.describe_backups()["Backups"], fsx.describe_volumes()["Volumes"],
             fsx.describe_file_systems()["FileSystems"]]  # fmt: skip
    ids = lambda item: item.get("BackupId") or item.get("VolumeId") or item["FileSystemId"]
    return [sorted(map(ids, items)) for items in there]


def main():
    url = sys.argv[1].rstrip("/")
    fsx, far = converse(url)
    before = books(fsx, far)
    harass(url, fsx.meta.service_model)
    if books(fsx, far) != before:
        wrong("refused requests changed something")
    print(f"{counts['answers']} answers held against the model, {counts['refusals']} wrong requests sent, "
          f"{len(problems)} not as they should be")  # fmt: skip
    sys.exit(1 if problems else 0)


main()
