namespace Sos.Firewall;

/// <summary>The fate of a packet.</summary>
public enum Verdict : byte
{
    /// <summary>Goes to Linux.</summary>
    Pass = 0,

    /// <summary>A rule dropped it.</summary>
    DropByRule = 1,

    /// <summary>No rule decided, and the policy of a base chain dropped it.</summary>
    DropByPolicy = 2,

    /// <summary>The rules drop it, but it goes to Linux as a sample of those that a rule logs.</summary>
    Sampled = 3,

    /// <summary>A rule dropped it, and wants it answered: see <see cref="PacketKey.Rejection"/>.</summary>
    Rejected = 4,
}
