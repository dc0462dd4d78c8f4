using System;
using Sos.Firewall.Sets;
using Sos.Firewall.Tracking;
using Sos.Sdk.Services;

namespace Sos.Firewall;

/// <summary>The treatment of frames that no rule sees.</summary>
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
    /// <summary>
    /// <c>non-ip=accept|drop|LIST</c>: ARP and all else that is no IP. Accepted by default. A list names those that pass,
    /// <see cref="NonIpTypes"/>: then this is <see cref="FramePolicy.Evaluate"/>.
    /// </summary>
    public FramePolicy NonIp;

    /// <summary>Kinds of frames that are no IP and pass.</summary>
    public EtherTypeList NonIpTypes;

    /// <summary><c>dhcp=pass|rules</c>: whether replies to a DHCP client of this host pass though a rule or policy drops them. They do by default.</summary>
    public bool DhcpByRules;

    /// <summary>
    /// <c>vlan=evaluate|accept|drop</c>: frames with VLAN tags. By default the rules decide on what is behind the tags.
    /// </summary>
    public FramePolicy Vlan;

    /// <summary><c>fragments=evaluate|accept|drop</c>: IP fragments. By default the rules decide on each by itself.</summary>
    public FramePolicy Fragments;

    /// <summary>The parameters of connection tracking.</summary>
    public FlowSettings Flows;

    /// <summary>The parameter of sets that packets fill.</summary>
    public SetSettings Sets;

    /// <summary>Reads the parameters.</summary>
    /// <returns>False if one has a value that it cannot have.</returns>
    public static bool TryRead(Parameters parameters, out FirewallSettings settings)
    {
        settings = new FirewallSettings { NonIp = FramePolicy.Accept };
        return TryReadNonIp(parameters, ref settings)
            && TryReadDhcp(parameters, ref settings.DhcpByRules)
            && TryReadPolicy(parameters, "vlan"u8, ref settings.Vlan)
            && TryReadPolicy(parameters, "fragments"u8, ref settings.Fragments)
            && FlowSettings.TryRead(parameters, out settings.Flows)
            && SetSettings.TryRead(parameters, out settings.Sets);
    }

    private static bool TryReadNonIp(Parameters parameters, ref FirewallSettings settings)
    {
        if (!parameters.TryFind("non-ip"u8, out ReadOnlySpan<byte> value))
        {
            return true;
        }

        if (value.SequenceEqual("accept"u8) || value.SequenceEqual("drop"u8))
        {
            return TryReadPolicy(parameters, "non-ip"u8, ref settings.NonIp);
        }

        settings.NonIp = FramePolicy.Evaluate;
        return EtherTypeList.TryRead(value, out settings.NonIpTypes);
    }

    private static bool TryReadDhcp(Parameters parameters, ref bool byRules)
    {
        if (!parameters.TryFind("dhcp"u8, out ReadOnlySpan<byte> value))
        {
            return true;
        }

        byRules = value.SequenceEqual("rules"u8);
        return byRules || value.SequenceEqual("pass"u8);
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
