# The rule of by-model for OPA. The body of DPS is the input, and the table is OPA's data.
package allocation

sent := input.deviceRuntimeContext.payload

# Some devices send a string that holds the object.
payload := json.unmarshal(sent) if is_string(sent)

payload := sent if not is_string(sent)

model := data.models[object.get(payload, "modelId", object.get(payload, "iotcModelId", ""))]

# The bodies of the benchmark leave one hub; how an SDK chooses among several is no part of it.
hubs := [hub | some hub in input.linkedHubs; startswith(lower(hub), lower(model.hub))]

decision := {
	"iotHubHostName": hubs[0],
	"initialTwin": {"tags": model.tags, "properties": {"desired": model.desired}},
	"payload": model.settings,
}
