namespace Sos.Firewall.Tables;

/// <summary>The operation of an <see cref="Instruction"/>.</summary>
public enum Operation : byte
{
    /// <summary>End of a chain: back to the caller, or the policy of the base chain.</summary>
    Return = 0,

    /// <summary>Ends this base chain; the next one goes on.</summary>
    Accept = 1,

    /// <summary>Drops the packet for good.</summary>
    Drop = 2,

    /// <summary>Goes on at <see cref="Instruction.A"/>; a return comes back to <see cref="Instruction.Next"/>.</summary>
    Jump = 3,

    /// <summary>Goes on at <see cref="Instruction.A"/> for good.</summary>
    Goto = 4,

    /// <summary>Adds the packet to the counter numbered <see cref="Instruction.A"/>.</summary>
    Count = 5,

    /// <summary>Matches if field &amp; <see cref="Instruction.A"/> is <see cref="Instruction.B"/>.</summary>
    EqualsMasked = 6,

    /// <summary>Matches if the field is <see cref="Instruction.A"/> to <see cref="Instruction.B"/>, both included.</summary>
    InRange = 7,

    /// <summary>Matches if bit number field is set in the bitmap set numbered <see cref="Instruction.A"/>.</summary>
    InBitmap = 8,

    /// <summary>Matches if the field is in the IPv4 set numbered <see cref="Instruction.A"/>.</summary>
    InIpv4Set = 9,

    /// <summary>Matches if the field (of 32 or 128 bits) is in the interval set numbered <see cref="Instruction.A"/>.</summary>
    InIntervalSet = 10,

    /// <summary>Matches if the field is in the range of 128 bits numbered <see cref="Instruction.A"/>.</summary>
    InRange128 = 11,

    /// <summary>
    /// Goes on at the first rule that matches in the classifier numbered <see cref="Instruction.A"/>, from its rule number
    /// <see cref="Instruction.B"/> on; if there is none, at <see cref="Instruction.Next"/>.
    /// </summary>
    Classify = 12,

    /// <summary>Lets the packet pass for good: no base chain that follows judges it.</summary>
    Pass = 13,

    /// <summary>
    /// Notes that Linux may log or answer the packet by a rule, whose sampler is numbered <see cref="Instruction.B"/> and described by the set numbered
    /// <see cref="Instruction.A"/>.
    /// </summary>
    Log = 14,

    /// <summary>Lets the packet pass for good if one of the samplers noted before takes it, so that Linux logs or answers it.</summary>
    Admit = 15,

    /// <summary>Has the packet not tracked, if it has no flow. Only in tables with connection tracking.</summary>
    NoTrack = 16,

    /// <summary>
    /// Takes the packet out of the limit described by the set numbered <see cref="Instruction.A"/>, and goes on at <see cref="Instruction.Next"/> if that ends
    /// the rule. Packets take in the order in which they came.
    /// </summary>
    Limit = 17,

    /// <summary>
    /// Drops the packet for good, and has it answered: with a TCP reset where <see cref="Instruction.A"/> is <see cref="Answers.Rejection.Reset"/>, with an
    /// error of ICMP of the codes in <see cref="Instruction.B"/> where it is <see cref="Answers.Rejection.Error"/>.
    /// </summary>
    Reject = 18,

    /// <summary>Writes a line about the packet, as the set numbered <see cref="Instruction.A"/> says. Only where the core decides alone.</summary>
    WriteLog = 19,

    /// <summary>
    /// Looks the packet up in a set that packets fill, adds it or removes it, as the access says that is described by the set numbered
    /// <see cref="Instruction.A"/>, and goes on at <see cref="Instruction.Next"/> if that ends the rule. Only where the core decides alone.
    /// </summary>
    UseSet = 20,

    /// <summary>
    /// Matches if the number at the <see cref="NumberPlace"/> of <see cref="Instruction.B"/> is in the interval set numbered <see cref="Instruction.A"/>. A
    /// packet that has no such place does not match. Only in tables with <see cref="TableNeeds.Packet"/>, as all below.
    /// </summary>
    InNumberSet = 21,

    /// <summary>
    /// Sets a mark, <see cref="Instruction.Field"/>, to the field numbered <see cref="Instruction.Source"/>, &amp; <see cref="Instruction.A"/>, ^
    /// <see cref="Instruction.B"/>. Where the packet has no such source the rule ends; where there is nothing to mark nothing happens.
    /// </summary>
    Assign = 22,

    /// <summary>
    /// Sets the packet's class of traffic, DSCP and ECN, to what it is &amp; <see cref="Instruction.A"/>, ^ <see cref="Instruction.B"/>, in the frame, too.
    /// </summary>
    SetTrafficClass = 23,
}
