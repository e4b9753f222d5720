# Runs when the pod is asked to leave, before its processes are told: asks the training loop for a checkpoint by a file, and
# waits for the file by which the loop says that it is written.
touch "$CHECKPOINT_REQUEST_FILE"
left="$CHECKPOINT_TIMEOUT_SECONDS"
until [ -e "$CHECKPOINT_DONE_FILE" ] || [ "$left" -le 0 ]; do
  sleep 1
  left=$((left - 1))
done
