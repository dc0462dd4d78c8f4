using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>The demands of a rule on a <see cref="FlowKey"/>: ranges with both ends included, and bits of its last word.</summary>
internal sealed class FlowRule
{
    /// <summary>The dimensions: source and destination address, source and destination port, protocol and flags.</summary>
    public const int Dimensions = 5;

    /// <summary>The dimension of protocol and flags, which has a mask in place of a range.</summary>
    public const int Meta = 4;

    private const uint FamilyIpv4 = 2;
    private const uint FamilyIpv6 = 10;

    private readonly uint[] _first;
    private readonly uint[] _last;

    /// <summary>One that matches all.</summary>
    public FlowRule()
        : this(new uint[Meta], [uint.MaxValue, uint.MaxValue, ushort.MaxValue, ushort.MaxValue])
    {
    }

    private FlowRule(uint[] first, uint[] last) => (_first, _last) = (first, last);

    /// <summary>Which bits of <see cref="FlowKey.Meta"/> count.</summary>
    public uint MetaMask { get; private set; }

    /// <summary>The values that they must have.</summary>
    public uint MetaValue { get; private set; }

    /// <summary>Whether it demands an address or a port.</summary>
    public bool IsSelective { get; private set; }

    /// <summary>Whether a range of addresses holds at least a 256th of all.</summary>
    public bool IsWide(int dimension) => _last[dimension] - _first[dimension] >= 0xff_ffff;

    /// <summary>First value in a dimension with a range.</summary>
    public uint First(int dimension) => _first[dimension];

    /// <summary>Last value in a dimension with a range.</summary>
    public uint Last(int dimension) => _last[dimension];

    /// <summary>Whether nothing can match.</summary>
    public bool IsEmpty { get; private set; }

    /// <summary>Another one that demands the same.</summary>
    public FlowRule Clone() => new([.. _first], [.. _last])
    {
        MetaMask = MetaMask,
        MetaValue = MetaValue,
        IsSelective = IsSelective,
        IsEmpty = IsEmpty,
    };

    /// <summary>Takes a match of the rule over, if a classifier can decide it.</summary>
    /// <returns>False if it cannot; then nothing was taken over.</returns>
    public bool TryAdd(in Instruction match)
    {
        bool isExact = match.Operation == Operation.EqualsMasked && match.A == uint.MaxValue;
        if (match.Negate != 0 || (match.Operation != Operation.InRange && !isExact))
        {
            return false;
        }

        (uint first, uint last) = isExact ? (match.B, match.B) : (match.A, match.B);
        switch (match.Field)
        {
            case Field.Ipv4Source:
                Demand(FlowKey.HasIpv4, FlowKey.HasIpv4);
                return Narrow(0, first, last);
            case Field.Ipv4Destination:
                Demand(FlowKey.HasIpv4, FlowKey.HasIpv4);
                return Narrow(1, first, last);
            case Field.SourcePort:
                Demand(FlowKey.HasSourcePort, FlowKey.HasSourcePort);
                return Narrow(2, first, last);
            case Field.DestinationPort:
                Demand(FlowKey.HasDestinationPort, FlowKey.HasDestinationPort);
                return Narrow(3, first, last);
            case Field.TransportProtocol when isExact && first <= byte.MaxValue:
                Demand(FlowKey.HasProtocol | byte.MaxValue, FlowKey.HasProtocol | first);
                return true;
            case Field.Ipv4Protocol when isExact && first <= byte.MaxValue:
                Demand(FlowKey.HasIpv4 | FlowKey.HasProtocol | byte.MaxValue, FlowKey.HasIpv4 | FlowKey.HasProtocol | first);
                return true;
            case Field.NetworkFamily when isExact && first is FamilyIpv4 or FamilyIpv6:
                Demand(FlowKey.HasIpv4, first == FamilyIpv4 ? FlowKey.HasIpv4 : 0);
                return true;
            default:
                return false;
        }
    }

    private void Demand(uint mask, uint value)
    {
        uint both = MetaMask & mask;
        IsEmpty |= (MetaValue & both) != (value & both);
        MetaMask |= mask;
        MetaValue |= value;
    }

    private bool Narrow(int dimension, uint first, uint last)
    {
        _first[dimension] = System.Math.Max(_first[dimension], first);
        _last[dimension] = System.Math.Min(_last[dimension], last);
        IsEmpty |= _first[dimension] > _last[dimension];
        IsSelective = true;
        return true;
    }
}
