namespace Sos.Cores.Plan;

/// <summary>Captures (pcap) in place of a network, on an isolated core.</summary>
/// <param name="Input">The file to replay, in the card's place.</param>
/// <param name="Output">The file to write what the service passes on to Linux.</param>
public sealed record CaptureRequest(string Input, string Output);
