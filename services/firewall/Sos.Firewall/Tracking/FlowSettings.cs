using System;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;

namespace Sos.Firewall.Tracking;

/// <summary>The parameters of connection tracking.</summary>
public struct FlowSettings
{
    /// <summary>Flows that are remembered where nobody says how many: as many as fit into what an image asks for.</summary>
    public const int CapacityDefault = 1 << 16;

    /// <summary>Name of the parameter that says how many flows are remembered.</summary>
    public const string CapacityName = "flows";

    /// <summary><c>flows=N</c>; 0 where it is not given.</summary>
    public int Capacity;

    /// <summary><c>tcp-window=strict|liberal</c>: whether TCP segments out of window are invalid. They are by default.</summary>
    public bool IsLiberal;

    /// <summary>Reads the parameters.</summary>
    /// <returns>False if one has a value that it cannot have.</returns>
    public static bool TryRead(Parameters parameters, out FlowSettings settings)
    {
        settings = default;
        if (parameters.TryFind("flows"u8, out _))
        {
            if (!parameters.TryGetUInt64("flows"u8, out ulong capacity) || capacity is < FlowTable.CapacityMin or > FlowTable.CapacityMax)
            {
                return false;
            }

            settings.Capacity = (int)capacity;
        }

        if (!parameters.TryFind("tcp-window"u8, out ReadOnlySpan<byte> window))
        {
            return true;
        }

        settings.IsLiberal = window.SequenceEqual("liberal"u8);
        return settings.IsLiberal || window.SequenceEqual("strict"u8);
    }

    /// <summary>Takes the memory for the flows: as many as are asked for, or else as there is room for.</summary>
    /// <returns>False where those that are asked for have no room, or not even <see cref="FlowTable.CapacityMin"/> have.</returns>
    public readonly bool TryMake(ref ConnectionTracker tracker, Arena arena, FlowSecret secret)
    {
        if (Capacity != 0)
        {
            return tracker.TryMake(arena, Capacity, secret, IsLiberal);
        }

        for (int capacity = CapacityDefault; capacity >= FlowTable.CapacityMin; capacity /= 2)
        {
            if (tracker.TryMake(arena, capacity, secret, IsLiberal))
            {
                return true;
            }
        }

        return false;
    }
}
