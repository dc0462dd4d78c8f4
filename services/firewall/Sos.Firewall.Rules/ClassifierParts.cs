using System.Collections.Generic;
using Sos.Firewall.Tables;

namespace Sos.Firewall.Rules;

/// <summary>A classifier as it goes into a table.</summary>
/// <param name="Nodes">The trees.</param>
/// <param name="Blocks">The rules of their leaves.</param>
/// <param name="Depths">How deep they are: see <see cref="Classifier.Depths"/>.</param>
internal sealed record ClassifierTree(ClassifierNode[] Nodes, ClassifierBlock[] Blocks, uint Depths);

/// <summary>A classifier and its place in the program.</summary>
/// <param name="Number">Its number among the sets.</param>
/// <param name="Entries">For each rule where it goes on, counted from the start of the chain until the program is linked.</param>
internal sealed record ClassifierPlace(uint Number, List<uint> Entries);
