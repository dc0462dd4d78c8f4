using System.Collections.Generic;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>A compiled chain before it has its place: positions count from its start, and targets are names.</summary>
internal sealed class ChainCode
{
    /// <summary>Begins a chain.</summary>
    /// <param name="chain">The chain.</param>
    /// <param name="isSent">Whether its packets are what Linux sends, to which interfaces are others: a chain for both ways is compiled twice.</param>
    public ChainCode(NftChain chain, bool isSent = false)
    {
        Chain = chain;
        IsSent = isSent;
    }

    public NftChain Chain { get; }

    public bool IsSent { get; }

    /// <summary>Its name among all.</summary>
    public string Key => ProgramLinker.Key(Chain, IsSent);

    public List<Instruction> Instructions { get; private set; } = [];

    /// <summary>The targets of the jumps and gotos, by position.</summary>
    public Dictionary<int, string> Targets { get; private set; } = [];

    /// <summary>The instructions of each rule; valid until they are replaced.</summary>
    public List<(int Start, int End)> Rules { get; } = [];

    /// <summary>The classifiers that stand in this chain.</summary>
    public List<ClassifierPlace> Classifiers { get; } = [];

    /// <summary>Puts other instructions in place of all.</summary>
    public void Replace(List<Instruction> instructions, Dictionary<int, string> targets)
    {
        Instructions = instructions;
        Targets = targets;
        Rules.Clear();
    }
}

/// <summary>The program of a table.</summary>
internal sealed record LinkedProgram(
    Instruction[] Instructions, BaseChain[] BaseChains, ChainRecord[] Chains, IReadOnlyDictionary<uint, uint[]> ClassifierEntries,
    StagePlan Plan);
