#!/usr/bin/env bash
# What people run who have neither AWS Backup nor Lifeboat: a shell script, the AWS CLI, cron.
#
#   backup.sh take    at the schedule: a backup of each file system
#   backup.sh copy    every few minutes: copies the newest backups that have no copy, and deletes what is beyond $KEEP
#
# Written as well as such a script usually gets: it is locked, it looks before it acts, it survives a failed call and goes
# on with the next, and what it could not do now it tries again at the next run. Environment: FILE_SYSTEMS, HOME_REGION,
# THERE_REGION, KEEP, ENDPOINT, LOCK.
set -u
exec 9>"$LOCK"
flock --timeout 30 9 || exit 1

fsx() { # REGION ARGUMENTS
  local region=$1
  shift
  aws fsx --region "$region" --endpoint-url "$ENDPOINT" --output text "$@"
}

take() {
  for file_system in $FILE_SYSTEMS; do
    fsx "$HOME_REGION" create-backup --file-system-id "$file_system" --tags Key=made-by,Value=cron \
      --query Backup.BackupId >/dev/null || fsx "$HOME_REGION" create-backup --file-system-id "$file_system" \
      --tags Key=made-by,Value=cron --query Backup.BackupId >/dev/null
  done
}

# Ours in a Region: creation time, id, lifecycle, file system, what it is a copy of.
ours() { # REGION
  fsx "$1" describe-backups --query \
    "Backups[?Tags[?Key=='made-by' && Value=='cron']].[CreationTime,BackupId,Lifecycle,FileSystem.FileSystemId,SourceBackupId]" |
    sort --reverse
}

prune() { # REGION LISTING
  for file_system in $FILE_SYSTEMS; do
    echo "$2" | awk -v of="$file_system" -v keep="$KEEP" '$4 == of && $3 == "AVAILABLE" && ++n > keep { print $2 }' |
      while read -r backup; do fsx "$1" delete-backup --backup-id "$backup" >/dev/null; done
  done
}

copy() {
  here=$(ours "$HOME_REGION") || exit 1
  there=$(ours "$THERE_REGION") || exit 1
  flying=$(echo "$there" | grep --count --word-regexp COPYING)
  for file_system in $FILE_SYSTEMS; do
    newest=$(echo "$here" | awk -v of="$file_system" '$4 == of && $3 == "AVAILABLE" { print $2; exit }')
    [ -n "$newest" ] || continue
    echo "$there" | grep --word-regexp "$newest" | grep --quiet --invert-match --word-regexp FAILED && continue
    [ "$flying" -lt 5 ] || break
    fsx "$THERE_REGION" copy-backup --source-backup-id "$newest" --source-region "$HOME_REGION" --copy-tags \
      --query Backup.BackupId >/dev/null && flying=$((flying + 1))
  done
  prune "$HOME_REGION" "$here"
  prune "$THERE_REGION" "$there"
}

"$1"
