using Sos.Firewall;
using Sos.Sdk.Wire;

namespace Sos.Fuzz.Targets;

internal static class FrameTarget
{
    public static bool Run(byte[] input)
    {
        MalformedReason reason = FrameParser.Parse(input, out ParsedFrame parsed);
        if (reason != MalformedReason.None)
        {
            return false;
        }

        FuzzException.Require(parsed.NetworkOffset is 14 or 18 or 22 && parsed.NetworkOffset <= input.Length, "the network header is within");
        if (parsed.IpVersion != 0)
        {
            FuzzException.Require(
                parsed.NetworkOffset + 20 <= parsed.TransportOffset && parsed.TransportOffset <= parsed.PacketEnd
                && parsed.PacketEnd <= input.Length,
                "network header, transport and end are in order and within the frame");
            FuzzException.Require(!parsed.HasTransport || !parsed.Fragment.IsLater, "a later fragment has no transport");
            PacketKey key = default;
            PacketKeyReader.Read(input, in parsed, ref key);
            FuzzException.Require(key.Length == parsed.PacketEnd - parsed.NetworkOffset, "the key has the packet's length");
        }

        return true;
    }
}
