using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Sos.Tidy.Tests;

/// <summary>A place in one folder that names a type of another, or one of that type's members.</summary>
/// <param name="From">The folder that uses the type; "." for the project's own.</param>
/// <param name="To">The folder that has it.</param>
/// <param name="File">The file that uses it, without its folder.</param>
/// <param name="Type">The type.</param>
/// <param name="Member">The member that is used; null for the type itself.</param>
internal sealed record FolderUse(string From, string To, string File, string Type, string? Member);

/// <summary>The folders of a project and their uses of one another, as the compiler understands the sources.</summary>
/// <remarks>References in documentation comments count: they need the same 'using', and stop compiling when the folders become projects.</remarks>
internal sealed class FolderGraph
{
    /// <summary>The folder of the files that stand in none.</summary>
    public const string Root = ".";

    private static readonly CSharpParseOptions Options = new(LanguageVersion.Preview, DocumentationMode.Diagnose);

    private FolderGraph(IReadOnlyList<string> folders, IReadOnlyList<FolderUse> uses, IReadOnlyList<FolderUse> outside)
        => (Folders, Uses, FromOutside) = (folders, uses, outside);

    /// <summary>All folders with sources.</summary>
    public IReadOnlyList<string> Folders { get; }

    /// <summary>Each use of another folder once.</summary>
    public IReadOnlyList<FolderUse> Uses { get; }

    /// <summary>Each use of a folder by another project that was read for that. Those folders are given from the repository's.</summary>
    public IReadOnlyList<FolderUse> FromOutside { get; }

    /// <summary>The folders that a folder uses.</summary>
    public IReadOnlySet<string> UsedBy(string folder) => Uses.Where(use => use.From == folder).Select(use => use.To).ToHashSet();

    /// <summary>Reads a project of the repository.</summary>
    /// <param name="project">Its folder, "src/Sos.Cores".</param>
    /// <param name="references">The folders of the projects that it refers to.</param>
    /// <param name="users">The folders of projects that refer to it.</param>
    public static FolderGraph Read(string project, IReadOnlyList<string> references, IReadOnlyList<string> users)
        => Of(project, ReadSources([.. references, project]), [.. users.Select(user => ReadSources([user]))]);

    /// <summary>Reads sources.</summary>
    /// <param name="project">The folder whose folders are asked for.</param>
    /// <param name="sources">Path and text of each file, those of other projects included.</param>
    /// <param name="users">The same of each project that refers to it; what else those refer to need not be known.</param>
    public static FolderGraph Of(
        string project, IReadOnlyList<(string Path, string Text)> sources, params IReadOnlyList<IReadOnlyList<(string Path, string Text)>> users)
    {
        List<SyntaxTree> trees = Parse(sources);
        CSharpCompilation compilation = CSharpCompilation.Create(
            "folders", trees,
            [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path))],
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, allowUnsafe: true, nullableContextOptions: NullableContextOptions.Enable));
        HashSet<FolderUse> uses = [];
        HashSet<string> folders = [];
        foreach (SyntaxTree tree in trees)
        {
            if (FolderOf(project, tree.FilePath) is { } folder)
            {
                folders.Add(folder);
                uses.UnionWith(UsesOf(project, folder, compilation.GetSemanticModel(tree)));
            }
        }

        // Each by itself: two programs have a start each.
        HashSet<FolderUse> outside = [];
        foreach (List<SyntaxTree> user in users.Select(Parse))
        {
            CSharpCompilation joined = compilation.AddSyntaxTrees(user);
            outside.UnionWith(user.SelectMany(tree => UsesOf(project, Path.GetDirectoryName(tree.FilePath)!, joined.GetSemanticModel(tree))));
        }

        return new FolderGraph([.. folders.Order(StringComparer.Ordinal)], Sort(uses), Sort(outside));
    }

    /// <summary>The uses that close a circle, those first that are easiest to break, a line for each pair of folders.</summary>
    public IReadOnlyList<string> Circles()
    {
        Dictionary<string, HashSet<string>> reached = Folders.ToDictionary(folder => folder, Reach);
        return [.. Uses.Where(use => reached[use.To].Contains(use.From))
            .GroupBy(use => (use.From, use.To))
            .OrderBy(edge => edge.Count()).ThenBy(edge => edge.Key)
            .Select(edge => $"{edge.Key.From} -> {edge.Key.To}: {Describe(edge)}")];
    }

    /// <summary>Says which file uses which types.</summary>
    public static string Describe(IEnumerable<FolderUse> uses) => string.Join("; ", uses.GroupBy(use => use.File)
        .Select(file => $"{file.Key} uses {string.Join(", ", file.Select(use => use.Type).Distinct())}"));

    private static IReadOnlyList<(string Path, string Text)> ReadSources(IReadOnlyList<string> folders) => [.. folders
        .SelectMany(folder => SourceTree.Files.Where(path => path.StartsWith(folder + "/", StringComparison.Ordinal)))
        .Where(path => path.EndsWith(".cs", StringComparison.Ordinal))
        .Select(path => (path, File.ReadAllText(Path.Combine(SourceTree.Root, path))))];

    private static List<SyntaxTree> Parse(IReadOnlyList<(string Path, string Text)> sources)
        => [.. sources.Select(source => CSharpSyntaxTree.ParseText(source.Text, Options, source.Path))];

    private static List<FolderUse> Sort(HashSet<FolderUse> uses) => [.. uses.OrderBy(use => use.File).ThenBy(use => use.Type)];

    private HashSet<string> Reach(string folder)
    {
        HashSet<string> reached = [];
        Stack<string> next = new([folder]);
        while (next.TryPop(out string? from))
        {
            foreach (string to in UsedBy(from).Where(reached.Add))
            {
                next.Push(to);
            }
        }

        return reached;
    }

    private static IEnumerable<FolderUse> UsesOf(string project, string folder, SemanticModel model)
    {
        foreach (SyntaxNode node in model.SyntaxTree.GetRoot().DescendantNodes(descendIntoTrivia: true))
        {
            if (node is (SimpleNameSyntax or ImplicitObjectCreationExpressionSyntax) && SymbolOf(model, node) is { } symbol
                && TypeOf(symbol) is { DeclaringSyntaxReferences: [{ } declaration, ..] } type
                && FolderOf(project, declaration.SyntaxTree.FilePath) is { } other && other != folder)
            {
                yield return new FolderUse(
                    folder, other, Path.GetFileName(model.SyntaxTree.FilePath), type.Name, symbol is ITypeSymbol ? null : symbol.Name);
            }
        }
    }

    // What an overload or a type of an unknown package leaves open still tells which type is meant.
    private static ISymbol? SymbolOf(SemanticModel model, SyntaxNode node)
        => model.GetSymbolInfo(node) is var info && info.Symbol is { } symbol ? symbol : info.CandidateSymbols.FirstOrDefault();

    private static INamedTypeSymbol? TypeOf(ISymbol symbol)
    {
        INamedTypeSymbol? type = symbol switch
        {
            INamedTypeSymbol named => named,
            IMethodSymbol or IPropertySymbol or IFieldSymbol or IEventSymbol => symbol.ContainingType,
            _ => null,
        };
        while (type?.ContainingType is { } outer)
        {
            type = outer;
        }

        return type?.OriginalDefinition;
    }

    private static string? FolderOf(string project, string path)
    {
        if (!path.StartsWith(project + "/", StringComparison.Ordinal))
        {
            return null;
        }

        string inside = path[(project.Length + 1)..];
        return inside.LastIndexOf('/') is var end and >= 0 ? inside[..end] : Root;
    }
}
