using Sos.Sdk.Packets;

namespace Sos.Sdk.Scheduling;

/// <summary>Handles the packets of a receive task.</summary>
public interface IBurstHandler
{
    /// <summary>Takes over every buffer of the burst: sends it on or frees it, and leaves the burst empty.</summary>
    /// <param name="burst">1 to <see cref="Burst.Capacity"/> packets.</param>
    /// <param name="now">The TSC as read at the start of this pass.</param>
    void Handle(ref Burst burst, ulong now);
}
