using System.Runtime.CompilerServices;

namespace Sos.Firewall.Rules;

/// <summary>The keys that come to a node: in each dimension, bits that are known and what they are.</summary>
internal struct ClassifierCell
{
    private Words _known;
    private Words _value;

    /// <summary>The cell of a child.</summary>
    public readonly ClassifierCell Child(ClassifierCut cut, uint child)
    {
        ClassifierCell cell = this;
        uint bits = ((uint)cut.Children - 1) << cut.Shift;
        cell._known[cut.Dimension] |= bits;
        cell._value[cut.Dimension] = (cell._value[cut.Dimension] & ~bits) | (child << cut.Shift);
        return cell;
    }

    /// <summary>Whether all bits of a cut are known already, so that it would part nothing.</summary>
    public readonly bool Knows(ClassifierCut cut)
    {
        uint bits = ((uint)cut.Children - 1) << cut.Shift;
        return (_known[cut.Dimension] & bits) != 0;
    }

    /// <summary>Whether a rule can match a key of the cell.</summary>
    public readonly bool Overlaps(FlowRule rule)
    {
        for (int dimension = 0; dimension < FlowRule.Meta; dimension++)
        {
            if (rule.First(dimension) > Highest(dimension) || rule.Last(dimension) < _value[dimension])
            {
                return false;
            }
        }

        uint both = _known[FlowRule.Meta] & rule.MetaMask;
        return (_value[FlowRule.Meta] & both) == (rule.MetaValue & both);
    }

    /// <summary>Whether a rule matches every key of the cell, so that those behind it are never reached.</summary>
    public readonly bool IsWithin(FlowRule rule)
    {
        for (int dimension = 0; dimension < FlowRule.Meta; dimension++)
        {
            if (rule.First(dimension) > _value[dimension] || rule.Last(dimension) < Highest(dimension))
            {
                return false;
            }
        }

        return (rule.MetaMask & ~_known[FlowRule.Meta]) == 0 && (_value[FlowRule.Meta] & rule.MetaMask) == rule.MetaValue;
    }

    private readonly uint Highest(int dimension)
    {
        uint all = dimension < 2 ? uint.MaxValue : ushort.MaxValue;
        return _value[dimension] | (all & ~_known[dimension]);
    }

    [InlineArray(FlowRule.Dimensions)]
    private struct Words
    {
        private uint _first;
    }
}
