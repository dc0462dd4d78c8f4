using System;
using Sos.Router.Tables;
using Sos.Sdk.Services;

namespace Sos.Router;

/// <summary>The router's parameters: how much its table has room for.</summary>
public static class RouterParameters
{
    /// <summary>Reads the parameters; what is left out is as in <see cref="RouterCapacity.Default"/>.</summary>
    /// <returns>Whether they can be honoured.</returns>
    public static bool TryRead(Parameters parameters, out RouterCapacity capacity)
    {
        capacity = RouterCapacity.Default;
        return TryRead(parameters, "ipv4-groups"u8, ref capacity.Ipv4Groups)
            && TryRead(parameters, "ipv6-lines"u8, ref capacity.Ipv6Lines)
            && TryRead(parameters, "next-hops"u8, ref capacity.NextHops)
            && TryRead(parameters, "hop-members"u8, ref capacity.Members)
            && TryRead(parameters, "neighbours"u8, ref capacity.Neighbours)
            && capacity.IsValid;
    }

    private static bool TryRead(Parameters parameters, ReadOnlySpan<byte> name, ref uint value)
    {
        if (!parameters.TryFind(name, out _))
        {
            return true;
        }

        bool isNumber = parameters.TryGetUInt64(name, out ulong number) && number <= uint.MaxValue;
        value = (uint)number;
        return isNumber;
    }
}
