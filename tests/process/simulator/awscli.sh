#!/usr/bin/env bash
# A conversation of the AWS CLI with a running simulator: awscli.sh URL
#
# The simulator should run at a speed of 2000 or more: the script waits for backups to become AVAILABLE, half a minute each
# at most. It ends 0 if everything was as the API promises, and else says which line was not.
set -euo pipefail

url=${1:?usage: awscli.sh URL}
export AWS_ACCESS_KEY_ID=AKIA111122223333TEST AWS_SECRET_ACCESS_KEY=none AWS_MAX_ATTEMPTS=1
export AWS_EC2_METADATA_DISABLED=true AWS_PAGER=''
source=us-east-1
destination=us-west-2

fsx() { # REGION ARGUMENTS…
    local region=$1
    shift
    aws fsx "$@" --region "$region" --endpoint-url "$url" --output text
}

is() { # WHAT WANTED GOT
    if [[ $2 != "$3" ]]; then
        echo "not ok: $1: wanted '$2', got '$3'" >&2
        exit 1
    fi
    echo "ok: $1"
}

refused() { # CODE REGION ARGUMENTS…
    local code=$1 words
    shift
    if words=$(fsx "$@" 2>&1); then
        echo "not ok: $*: wanted $code, and it was done" >&2
        exit 1
    fi
    [[ $words == *"($code)"* ]] || is "$*" "$code" "$words"
    echo "ok: $code"
}

becomes() { # LIFECYCLE REGION BACKUP
    local got='' deadline=$((SECONDS + 30))
    while ((SECONDS < deadline)); do
        got=$(fsx "$2" describe-backups --backup-ids "$3" --query 'Backups[0].Lifecycle')
        [[ $got == "$1" ]] && break
        sleep 0.1
    done
    is "$3 becomes" "$1" "$got"
}

subnet=subnet-0123456789abcdef0
windows=$(fsx $source create-file-system --file-system-type WINDOWS --storage-capacity 300 --subnet-ids $subnet \
    --windows-configuration ThroughputCapacity=32,AutomaticBackupRetentionDays=0 --tags Key=dr,Value=gold \
    --query FileSystem.FileSystemId)
lustre=$(fsx $source create-file-system --file-system-type LUSTRE --storage-capacity 1200 --subnet-ids $subnet \
    --lustre-configuration DeploymentType=PERSISTENT_2,PerUnitStorageThroughput=125 --query FileSystem.FileSystemId)
openzfs=$(fsx $source create-file-system --file-system-type OPENZFS --storage-capacity 64 --subnet-ids $subnet \
    --open-zfs-configuration DeploymentType=SINGLE_AZ_1,ThroughputCapacity=64,AutomaticBackupRetentionDays=0 \
    --query FileSystem.FileSystemId)
ontap=$(fsx $source create-file-system --file-system-type ONTAP --storage-capacity 1024 --subnet-ids $subnet \
    --ontap-configuration DeploymentType=SINGLE_AZ_1,ThroughputCapacity=128,AutomaticBackupRetentionDays=0 \
    --query FileSystem.FileSystemId)
svm=$(fsx $source create-storage-virtual-machine --file-system-id "$ontap" --name svm1 \
    --query StorageVirtualMachine.StorageVirtualMachineId)
volume=$(fsx $source create-volume --volume-type ONTAP --name vol1 \
    --ontap-configuration "StorageVirtualMachineId=$svm,SizeInMegabytes=1024,JunctionPath=/vol1" --query Volume.VolumeId)

available() {
    fsx $source describe-file-systems --file-system-ids "$windows" "$lustre" "$openzfs" "$ontap" \
        --query 'length(FileSystems[?Lifecycle==`AVAILABLE`])'
}
deadline=$((SECONDS + 30))
until [[ $(available) == 4 && $(fsx $source describe-volumes --volume-ids "$volume" --query 'Volumes[0].Lifecycle') == CREATED ]] ||
    ((SECONDS >= deadline)); do
    sleep 0.1
done
is 'four file systems are AVAILABLE' 4 "$(available)"

refused UnsupportedOperation $source create-backup --file-system-id "$ontap"
refused FileSystemNotFound $source create-backup --file-system-id fs-00000000000000000
refused BadRequest $source create-backup
backup=$(fsx $source create-backup --file-system-id "$windows" --client-request-token "first-$windows" \
    --tags Key=Name,Value=nightly --query Backup.BackupId)
is 'the same token makes the same backup' "$backup" "$(fsx $source create-backup --file-system-id "$windows" \
    --client-request-token "first-$windows" --tags Key=Name,Value=nightly --query Backup.BackupId)"
refused IncompatibleParameterError $source create-backup --file-system-id "$windows" --client-request-token "first-$windows"
volume_backup=$(fsx $source create-backup --volume-id "$volume" --query Backup.BackupId)
becomes AVAILABLE $source "$backup"
becomes AVAILABLE $source "$volume_backup"

refused BackupNotFound $source copy-backup --source-backup-id "$backup" --source-region $destination
refused InvalidRegion $source copy-backup --source-backup-id "$backup" --source-region cn-north-1
copy=$(fsx $destination copy-backup --source-backup-id "$backup" --source-region $source --copy-tags --query Backup.BackupId)
volume_copy=$(fsx $destination copy-backup --source-backup-id "$volume_backup" --source-region $source --query Backup.BackupId)
becomes AVAILABLE $destination "$copy"
becomes AVAILABLE $destination "$volume_copy"
is 'a copy names its source' "$backup $source" "$(fsx $destination describe-backups --backup-ids "$copy" \
    --query 'Backups[0].[SourceBackupId,SourceBackupRegion]' | tr '\t' ' ')"
is 'a filtered listing' 2 "$(fsx $destination describe-backups --filters Name=backup-type,Values=USER_INITIATED \
    "Name=file-system-id,Values=$windows,$ontap" --page-size 1 --query 'Backups[].BackupId' | wc -w)"

arn=$(fsx $destination describe-backups --backup-ids "$copy" --query 'Backups[0].ResourceARN')
fsx $destination tag-resource --resource-arn "$arn" --tags Key=keep,Value=yes
fsx $destination untag-resource --resource-arn "$arn" --tag-keys Name
is 'the tags of the copy' keep "$(fsx $destination list-tags-for-resource --resource-arn "$arn" --query 'Tags[].Key')"

is 'a deletion' DELETED "$(fsx $destination delete-backup --backup-id "$copy" --query Lifecycle)"
refused BackupNotFound $destination delete-backup --backup-id "$copy"
refused BackupNotFound $destination describe-backups --backup-ids "$copy"
sts() { # ARGUMENTS…
    aws sts "$@" --region $source --endpoint-url "$url" --output text
}
is 'the account of a key' 111122223333 "$(sts get-caller-identity --query Account)"
read -r AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN <<<"$(sts assume-role \
    --role-arn arn:aws:iam::222233334444:role/lifeboat --role-session-name awscli \
    --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]')"
export AWS_SESSION_TOKEN
is 'the account of a session' 222233334444 "$(sts get-caller-identity --query Account)"
is 'its name' arn:aws:sts::222233334444:assumed-role/lifeboat/awscli "$(sts get-caller-identity --query Arn)"
is 'another account has nothing' None "$(fsx $source describe-file-systems --query 'FileSystems[0]')"
echo 'all as it should be'
