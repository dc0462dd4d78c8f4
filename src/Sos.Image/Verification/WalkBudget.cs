namespace Sos.Image.Verification;

/// <summary>
/// Bounds what the verification of one image may cost. An image is hostile until it is accepted: one that is made to keep the verifier busy, or to fill its
/// memory, is refused within seconds and some hundred megabytes. Each limit is many times what the largest image of the repository takes.
/// </summary>
internal sealed class WalkBudget
{
    /// <summary>Instructions of an image: each is kept, with what it decodes to.</summary>
    public const int InstructionsMax = 1 << 20;

    /// <summary>The visits of an image: a state is carried to an instruction so often at most, in all functions together.</summary>
    public const long VisitsMax = 1 << 21;

    /// <summary>The values that the states of one function may hold: a state is kept for each of its instructions.</summary>
    public const long ValuesMax = 1 << 21;

    /// <summary>After so many refusals no more are looked for.</summary>
    public const int FindingsMax = 1000;

    /// <summary>So many values are joined, or nodes looked at, in about the time of a visit.</summary>
    private const int StepsPerVisit = 16;

    /// <summary>The registers of a state, and what leads to it, in values: all that it holds beside its slots.</summary>
    private const int ValuesPerState = 32;

    private static readonly string ManyInstructions = $"the code has more than {InstructionsMax} instructions";
    private static readonly string ManyFindings = $"more than {FindingsMax} refusals: the rest was not looked at";

    private long _findings;

    /// <summary>The reason for going no further; null as long as there is none.</summary>
    public string? Exceeded { get; private set; }

    /// <summary>Gives how many instructions were decoded.</summary>
    public long Instructions { get; private set; }

    /// <summary>Gives how often a state was carried to an instruction, or what took as long.</summary>
    public long Visits { get; private set; }

    /// <summary>Gives how many values the states of the function held that is walked.</summary>
    public long Values { get; private set; }

    /// <summary>Gives how many they were at most, of all functions.</summary>
    public long ValuesMost { get; private set; }

    /// <summary>Begins with a function, and no state of it.</summary>
    public void BeginFunction() => Values = 0;

    /// <summary>Takes note that an instruction was decoded.</summary>
    public void Decode() => Require(++Instructions <= InstructionsMax, ManyInstructions);

    /// <summary>Takes note that a state with so many slots comes to an instruction.</summary>
    public void Visit(int slots)
    {
        Visits++;
        Look(slots);
    }

    /// <summary>Takes note that so many of something were looked at, one after the other.</summary>
    public void Look(long steps)
    {
        Visits += steps / StepsPerVisit;
        Require(Visits <= VisitsMax, "there are more ways through the code than can be followed");
    }

    /// <summary>Takes note that a state with so many slots is kept.</summary>
    public void Keep(int slots)
    {
        Values += ValuesPerState + slots;
        ValuesMost = Values > ValuesMost ? Values : ValuesMost;
        Require(Values <= ValuesMax, "the function is too large to be followed");
    }

    /// <summary>Takes note of a refusal.</summary>
    public void Find() => Require(++_findings <= FindingsMax, ManyFindings);

    private void Require(bool holds, string reason) => Exceeded ??= holds ? null : reason;
}
