using Sos.Firewall.Tracking;
using Sos.Sdk.Memory;
using Sos.Sdk.Services;

namespace Sos.Firewall.Sets;

/// <summary>The parameter of sets that packets fill.</summary>
public struct SetSettings
{
    /// <summary>MiB that these sets have where nobody says how many: a set of 65,536 IPv4 addresses takes 2.</summary>
    public const uint MemoryDefault = 8;

    /// <summary>MiB at most.</summary>
    public const uint MemoryMax = 4096;

    /// <summary>Name of the parameter that says how many MiB there are for these sets.</summary>
    public const string MemoryName = "set-memory";

    private const int MebibyteShift = 20;

    /// <summary><c>set-memory=N</c>; 0 where it is not given.</summary>
    public uint Memory;

    /// <summary>Reads the parameter.</summary>
    /// <returns>False if it has a value that it cannot have.</returns>
    public static bool TryRead(Parameters parameters, out SetSettings settings)
    {
        settings = default;
        if (!parameters.TryFind("set-memory"u8, out _))
        {
            return true;
        }

        bool isRead = parameters.TryGetUInt64("set-memory"u8, out ulong memory) && memory is > 0 and <= MemoryMax;
        settings.Memory = isRead ? (uint)memory : 0;
        return isRead;
    }

    /// <summary>Takes the memory: as much as is asked for, or else as much of the default as there is.</summary>
    /// <returns>False where there is not so much as is asked for.</returns>
    public readonly bool TryMake(ref DynamicSets sets, Arena arena, FlowSecret secret, SetCounters counters)
    {
        ulong size = (ulong)(Memory != 0 ? Memory : MemoryDefault) << MebibyteShift;
        ulong free = arena.Free > Arena.DefaultAlignment ? arena.Free - Arena.DefaultAlignment : 0;
        return sets.TryMake(arena, Memory != 0 || size < free ? size : free, secret, counters);
    }
}
