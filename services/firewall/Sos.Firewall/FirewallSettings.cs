using System;
using Sos.Sdk.Services;

namespace Sos.Firewall;

/// <summary>What is done with frames that no rule sees.</summary>
public enum FramePolicy : byte
{
    /// <summary>The rules decide.</summary>
    Evaluate = 0,

    /// <summary>They pass to Linux.</summary>
    Accept = 1,

    /// <summary>They are dropped.</summary>
    Drop = 2,
}

/// <summary>The service's parameters.</summary>
public struct FirewallSettings
{
    /// <summary><c>non-ip=accept|drop</c>: ARP and all else that is no IP. Accepted by default.</summary>
    public FramePolicy NonIp;

    /// <summary>
    /// <c>vlan=evaluate|accept|drop</c>: frames with VLAN tags. By default the rules decide on what is behind the tags.
    /// </summary>
    public FramePolicy Vlan;

    /// <summary><c>fragments=evaluate|accept|drop</c>: IP fragments. By default the rules decide on each by itself.</summary>
    public FramePolicy Fragments;

    /// <summary>Reads the parameters.</summary>
    /// <returns>False if one has a value that it cannot have.</returns>
    public static bool TryRead(Parameters parameters, out FirewallSettings settings)
    {
        settings = new FirewallSettings { NonIp = FramePolicy.Accept };
        return TryReadPolicy(parameters, "non-ip"u8, ref settings.NonIp)
            && settings.NonIp != FramePolicy.Evaluate
            && TryReadPolicy(parameters, "vlan"u8, ref settings.Vlan)
            && TryReadPolicy(parameters, "fragments"u8, ref settings.Fragments);
    }

    private static bool TryReadPolicy(Parameters parameters, ReadOnlySpan<byte> name, ref FramePolicy policy)
    {
        if (!parameters.TryFind(name, out ReadOnlySpan<byte> value))
        {
            return true;
        }

        if (value.SequenceEqual("evaluate"u8))
        {
            policy = FramePolicy.Evaluate;
            return true;
        }

        if (value.SequenceEqual("accept"u8))
        {
            policy = FramePolicy.Accept;
            return true;
        }

        policy = FramePolicy.Drop;
        return value.SequenceEqual("drop"u8);
    }
}
