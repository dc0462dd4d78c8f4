using System.Text.Json.Serialization;
using Sos.Traffic.Clients;
using Sos.Traffic.Wire;

namespace Sos.Traffic;

/// <summary>The JSON that the traffic tools write and the demo reads: snake_case names, one object a line.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(WireStatistics))]
[JsonSerializable(typeof(Request))]
public sealed partial class TrafficJson : JsonSerializerContext;
